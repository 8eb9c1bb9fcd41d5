#!/bin/sh
# OpenCode installs an npm package into its configuration folder at each start, unless it may not write there.
export XDG_CONFIG_HOME=/opt/opencode/config
exec /opt/opencode/bin/opencode "$@"
