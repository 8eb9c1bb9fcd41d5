"""What the kernel must refuse to a program in the sandbox, tried and reported: a line each of probe, got, detail between tabs.

Somebody waits for the sandbox meanwhile, so nothing is imported that is not needed: json alone takes as long as all else.

Runs as the witness: a user with the maker's rights, and nobody else's, so that no program of the maker can touch what proves.
argv: the porter's process id, then `noexec` where the policy forbids running what was made in the sandbox.
"""

import ctypes
import errno
import os
import signal
import socket
import stat
import sys

PORTER = int(sys.argv[1])
NOEXEC = sys.argv[2:] == ['noexec']
TIMEOUT_S = 2
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES, errno.ENETDOWN}
DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
# A call that this kernel does not have cannot be used either.
NO_WAY = DENIED | {errno.ENOSYS}
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
libc = ctypes.CDLL(None, use_errno=True)


def refused(detail):
    return 'refused', detail


def passed(detail):
    return 'passed', detail


def failed(detail):
    return 'error', detail


def name_of(error):
    return errno.errorcode.get(error.errno or 0, str(error))


def attempt(work, denials=DENIED):
    """Refused only by an errno that means a refusal: a time-out, or a file that is not there, proves nothing."""
    try:
        return passed(str(work()))
    except OSError as error:
        return refused(name_of(error)) if error.errno in denials else failed(name_of(error))


def all_of(tries, denials=DENIED):
    """One that passes is what counts; then one that failed for another reason."""
    results = [(name, *attempt(work, denials)) for name, work in tries]
    for wanted in ('passed', 'error'):
        found = [f'{name}: {detail}' for name, got, detail in results if got == wanted]
        if found:
            return wanted, ', '.join(found)
    return refused(', '.join(sorted({detail for _, _, detail in results})))


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(TIMEOUT_S)
        tcp.connect(address)
    return f'connected to {address[0]}'


def send(address):
    # A minimal DNS question: id 1, recursion desired, one question: the root, NS, IN.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(bytes.fromhex('0000010000010000000000000000020001'), address)
    return f'sent to {address[0]}'


def look_up():
    try:
        return passed(socket.getaddrinfo('example.com', 443)[0][4][0])
    except socket.gaierror as error:
        return refused(str(error))


def write(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.close(descriptor)
    os.unlink(path)
    return f'wrote {path}'


def socket_families():
    """AF_PACKET 17, AF_ALG 38, AF_VSOCK 40, AF_XDP 44, a raw ICMP socket and NETLINK_AUDIT."""
    made = []
    for family, kind, protocol in ((17, 3, 3), (38, 5, 0), (40, 1, 0), (44, 3, 0), (2, 3, 1), (16, 3, 9)):
        try:
            socket.socket(family, kind, protocol).close()
            made.append(str(family))
        except OSError:
            pass
    return passed(f'made {",".join(made)}') if made else refused('none could be made')


def network_card():
    with open('/proc/net/dev', encoding='ascii') as table:
        cards = [line.split(':')[0].strip() for line in table.readlines()[2:]]
    other = [card for card in cards if card not in ('', 'lo')]
    return passed(', '.join(other)) if other else refused('only lo')


def capabilities():
    with open('/proc/self/status', encoding='ascii') as status:
        lines = dict(line.split(':', 1) for line in status if line.startswith('Cap'))
    held = {name: lines[name].strip() for name in ('CapInh', 'CapPrm', 'CapEff') if int(lines[name], 16)}
    if int(lines.get('CapAmb', '0'), 16):
        held['CapAmb'] = lines['CapAmb'].strip()
    return passed(str(held)) if held else refused('none held')


def trace(request):
    if libc.ptrace(request, PORTER, 0, 0) == 0:
        return 'attached'
    raise OSError(ctypes.get_errno(), 'ptrace')


def signal_by_descriptor():
    descriptor = os.pidfd_open(PORTER)
    try:
        signal.pidfd_send_signal(descriptor, 0)
    finally:
        os.close(descriptor)
    return 'signalled'


def read(path):
    with open(path, 'rb') as file:
        return file.read(1)


def dial(name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix:
        unix.settimeout(TIMEOUT_S)
        unix.connect(f'/run/backlot/{name}.sock')
    return 'connected'


def made_here():
    """A program in a place that people write to, and what the mount says of the places that this user may not write to."""
    import subprocess

    path = f'/tmp/backlot-probe-{os.getpid()}'
    with open(path, 'w', encoding='ascii') as file:
        file.write('#!/bin/sh\nexit 0\n')
    try:
        os.chmod(path, stat.S_IRWXU)
        ran = attempt(lambda: subprocess.run([path], check=False, timeout=TIMEOUT_S).returncode)
    finally:
        os.unlink(path)
    if ran[0] != 'refused':
        return ran
    with open('/proc/self/mountinfo', encoding='utf8') as table:
        options = {fields[4]: fields[5].split(',') for fields in (line.split() for line in table)}
    open_places = [place for place in ('/workspace', '/home/maker', '/tmp') if 'noexec' not in options.get(place, [])]
    return passed(f'executable: {", ".join(open_places)}') if open_places else ran


PORTER_FILES = ('environ', 'maps', 'auxv', 'syscall', 'stack')
PROBES = {
    'direct-tcp': lambda: attempt(lambda: connect(socket.AF_INET, ('1.1.1.1', 443)), NO_ROUTE),
    'direct-ipv6': lambda: attempt(lambda: connect(socket.AF_INET6, ('2606:4700:4700::1111', 443)), NO_ROUTE),
    'direct-udp': lambda: attempt(lambda: send(('1.1.1.1', 443)), NO_ROUTE),
    'other-dns-server': lambda: attempt(lambda: send(('8.8.8.8', 53)), NO_ROUTE),
    'name-lookup': look_up,
    'write-root': lambda: attempt(lambda: write('/usr/backlot-probe')),
    'write-sockets': lambda: attempt(lambda: write('/run/backlot/backlot-probe')),
    'socket-families': socket_families,
    'network-card': network_card,
    'capabilities': capabilities,
    'become-another-user': lambda: all_of(
        [(f'{change.__name__} {number}', lambda change=change, number=number: change(number))
         for change in (os.setuid, os.setgid) for number in (0, os.stat(f'/proc/{PORTER}').st_uid or 1)]
        + [('setgroups', lambda: os.setgroups([0]))]),
    'porter-signal': lambda: all_of(
        [('kill', lambda: os.kill(PORTER, 0)), ('urgent', lambda: os.kill(PORTER, signal.SIGURG)), ('pidfd', signal_by_descriptor)], NO_WAY),
    'porter-trace': lambda: all_of(
        [('attach', lambda: trace(PTRACE_ATTACH)), ('seize', lambda: trace(PTRACE_SEIZE))], NO_WAY),
    'porter-memory': lambda: all_of(
        [(mode, lambda mode=mode: open(f'/proc/{PORTER}/mem', mode).close()) for mode in ('rb', 'r+b')]
        + [(name, lambda name=name: os.listdir(f'/proc/{PORTER}/{name}/')) for name in ('root', 'cwd')], NO_WAY | {errno.ENOENT}),
    'porter-details': lambda: all_of(
        [(name, lambda name=name: read(f'/proc/{PORTER}/{name}')) for name in PORTER_FILES if os.path.exists(f'/proc/{PORTER}/{name}')]
        + [('fd', lambda: os.listdir(f'/proc/{PORTER}/fd'))]),
    'sockets-dial': lambda: all_of([(name, lambda name=name: dial(name)) for name in ('porter', 'egress', 'model')]),
}
if NOEXEC:
    PROBES['forbidden-executable'] = made_here


def run(probe):
    try:
        return probe()
    except Exception as error:  # A probe that breaks proves nothing; the others still do.
        return failed(f'{type(error).__name__}: {error}')


for name, probe in PROBES.items():
    got, detail = run(probe)
    shown = ' '.join(detail.split()).encode('ascii', 'backslashreplace').decode('ascii')
    print(name, got, shown[:200], sep='\t')
