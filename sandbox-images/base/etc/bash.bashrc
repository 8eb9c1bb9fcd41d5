# The home folder is empty at every start, so what a shell needs stands here.
[ -z "$PS1" ] && return
shopt -s checkwinsize histappend
HISTCONTROL=ignoreboth
PS1='\[\e[38;5;214m\]\w\[\e[0m\] \$ '
alias ls='ls --color=auto' ll='ls -l' grep='grep --color=auto'
if [ -n "$BACKLOT_TERMINAL" ] && [ "$SHLVL" = 1 ]; then
  printf '\e[2mYour files are in /workspace. What leaves this sandbox is checked and recorded.\e[0m\n'
fi
