"""Tries, inside a sandbox, what must not be possible there. Prints one JSON object; knows nothing of what is expected.

Everything that could end the process runs in a child of its own. x86_64 numbers (arch/x86/entry/syscalls/syscall_64.tbl)."""
import ctypes
import errno
import json
import mmap
import os
import re
import socket

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
HIGH = 1 << 32


def raw(number, *arguments):
    """The whole 64-bit register goes to the kernel: no C prototype cuts the high bits off."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(a & (2**64 - 1)) for a in arguments])
    return result, ctypes.get_errno()


def said(result, code):
    return "ok" if result != -1 else "refused"


def in_child(action):
    """What `action` returned; being ended by a signal (SIGSYS) is being refused."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(action()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return "refused" if os.WIFSIGNALED(status) else text


# --- sockets -------------------------------------------------------------------------------------------------------
SOCKET, SOCKETPAIR = 41, 53
TYPES = {"stream": 1, "dgram": 2, "raw": 3, "rdm": 4, "seqpacket": 5, "dccp": 6, "packet": 10}
PROTOCOLS = [0, 1, 2, 4, 6, 9, 12, 15, 16, 17, 33, 58, 132, 136, 255, 256, 262]
NAMES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink"}


def open_socket(family, kind, protocol, number=SOCKET):
    if number == SOCKETPAIR:
        pair = (ctypes.c_int * 2)()
        result, code = raw(number, family, kind, protocol, ctypes.addressof(pair))
        if result != -1:
            os.close(pair[0]), os.close(pair[1])
    else:
        result, code = raw(number, family, kind, protocol)
        if result != -1:
            os.close(result)
    return said(result, code)


def socket_matrix(number):
    opened = []
    for family in range(0, 46):
        for name, kind in TYPES.items():
            for protocol in PROTOCOLS:
                if open_socket(family, kind, protocol, number) == "ok":
                    opened.append(f"{NAMES.get(family, family)} {name} {protocol}")
    return opened


def high_bits():
    cloexec, nonblock = 0x80000, 0x800
    rows = {
        "vsock": (40 | HIGH, 1, 0), "packet": (17 | HIGH, 3, 0), "alg": (38 | HIGH, 5, 0), "inet": (2 | HIGH, 1, 0),
        "inet raw in type": (2, 3 | HIGH, 1), "inet stream in type": (2, 1 | HIGH, 0), "netlink audit in protocol": (16, 3, 9 | HIGH),
        "mptcp in protocol": (2, 1, 262 | HIGH), "negative family": (-1, 1, 0), "unix | top bit": (1 | 1 << 63, 1, 0),
        "raw | cloexec": (2, 3 | cloexec, 1), "raw | cloexec | nonblock": (2, 3 | cloexec | nonblock, 1),
        "stream | cloexec | nonblock": (2, 1 | cloexec | nonblock, 0), "stream | unknown flag": (2, 1 | 0x100000, 0),
    }
    return {name: open_socket(*arguments) for name, arguments in rows.items()}


# --- system calls --------------------------------------------------------------------------------------------------
NEWUSER, NEWNS, NEWNET, NEWTIME = 0x10000000, 0x00020000, 0x40000000, 0x80
X32 = 0x40000000
text = ctypes.create_string_buffer
address = ctypes.addressof


def system_calls():
    here, proc, zeros = text(b"/tmp"), text(b"proc"), text(512)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    pair = socket.socketpair()
    to = pair[0].fileno()
    clone_arguments = (ctypes.c_ulonglong * 11)()
    clone_arguments[0] = NEWUSER
    at = {name: address(value) for name, value in {"here": here, "proc": proc, "zeros": zeros, "clone": clone_arguments}.items()}
    rows = {
        "unshare user": (272, NEWUSER), "unshare mount": (272, NEWNS), "unshare net, high bit": (272, NEWNET | HIGH),
        "unshare time": (272, NEWTIME), "unshare nothing": (272, 0), "setns": (308, own, 0),
        "clone new user": (56, NEWUSER | 17, 0, 0, 0, 0), "clone new net": (56, NEWNET | 17, 0, 0, 0, 0),
        "clone new user, high bit": (56, NEWUSER | HIGH | 17, 0, 0, 0, 0), "clone3 new user": (435, at["clone"], 88),
        "mount": (165, at["proc"], at["here"], at["proc"], 0, 0), "umount2": (166, at["here"], 0),
        "pivot_root": (155, at["here"], at["here"]), "chroot": (161, at["here"]), "fsopen": (430, at["proc"], 0),
        "open_tree": (428, -100, at["here"], 1), "move_mount": (429, -100, at["here"], -100, at["here"], 0),
        "mount_setattr": (442, -100, at["here"], 0, at["zeros"], 32),
        "ptrace traceme": (101, 0, 0, 0, 0), "process_vm_readv": (310, 1, at["zeros"], 0, at["zeros"], 0, 0),
        "process_vm_writev": (311, 1, at["zeros"], 0, at["zeros"], 0, 0), "pidfd_getfd": (438, 0, 0, 0),
        "kcmp": (312, 1, 1, 0, 0, 0), "process_madvise": (440, 0, at["zeros"], 0, 4, 0),
        "keyctl": (250, 0, -3, 0, 0, 0), "add_key": (248, at["here"], at["here"], at["zeros"], 1, -3),
        "request_key": (249, at["here"], at["here"], 0, -3), "bpf": (321, 0, at["zeros"], 72),
        "perf_event_open": (298, at["zeros"], 0, -1, -1, 0), "userfaultfd": (323, 1), "io_uring_setup": (425, 8, at["zeros"]),
        "io_setup": (206, 1, at["zeros"]), "kexec_load": (246, 0, 0, 0, 0), "init_module": (175, at["zeros"], 0, at["zeros"]),
        "finit_module": (313, own, at["zeros"], 0), "delete_module": (176, at["here"], 0), "swapon": (167, at["here"], 0),
        "open_by_handle_at": (304, -100, at["zeros"], 0), "name_to_handle_at": (303, -100, at["here"], at["zeros"], at["zeros"], 0),
        "personality ask": (135, 0xFFFFFFFF), "personality no randomize": (135, 0x0040000), "personality, high bit": (135, HIGH | 0x8),
        "iopl": (172, 3), "ioperm": (173, 0, 1, 1), "modify_ldt": (154, 0, at["zeros"], 16), "syslog": (103, 3, at["zeros"], 512),
        "quotactl": (179, 0, 0, 0, at["zeros"]), "acct": (163, 0), "settimeofday": (164, at["zeros"], 0),
        "clock_settime": (227, 0, at["zeros"]), "sethostname": (170, at["here"], 4), "fanotify_init": (300, 0, 0),
        "mbind": (237, 0, 0, 0, 0, 0, 0), "move_pages": (279, 0, 0, 0, 0, 0, 0), "remap_file_pages": (216, 0, 0, 0, 0, 0),
        "lookup_dcookie": (212, 0, 0, 0), "uselib": (134, at["here"]), "sysfs": (139, 3), "vhangup": (153,),
        "memfd_create": (319, at["here"], 0), "memfd_secret": (447, 0), "seccomp ask": (317, 2, 0, at["zeros"]),
        "mknod device": (133, at["here"], 0o20666, 259), "reboot": (169, 0, 0, 0, 0), "statmount": (457, at["zeros"], at["zeros"], 512, 0),
        "sendto": (44, to, at["zeros"], 1, 0, 0, 0), "sendto out of band": (44, to, at["zeros"], 1, 1, 0, 0),
        "sendto out of band, high bit": (44, to, at["zeros"], 1, HIGH | 1, 0, 0),
        "sendmsg out of band": (46, to, at["zeros"], 1), "sendmmsg out of band": (307, to, at["zeros"], 1, 1),
        "set linger": (54, to, 1, 13, at["zeros"], 8), "set linger, high bits": (54, to, HIGH | 1, HIGH | 13, at["zeros"], 8),
        "set reuse address": (54, to, 1, 2, at["zeros"], 4), "set receive timeout": (54, to, 1, 20, at["zeros"], 16),
        "x32 getpid": (X32 | 39,), "x32 socket": (X32 | 41, 40, 1, 0), "unknown number": (1023,),
    }

    def run(arguments):
        result, code = raw(*arguments)
        if arguments[0] in (56, 435) and result == 0:
            os._exit(0)  # the child that should not exist
        return said(result, code)

    outcome = {name: in_child(lambda: run(arguments)) for name, arguments in rows.items()}
    os.close(own)
    outcome["i386 getpid"] = in_child(i386_getpid)
    return outcome


def i386_getpid():
    """mov eax, 20; int 0x80; ret: the 32-bit entry, whose numbers and socketcall a 64-bit filter does not see."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    result = function()
    return "ok" if result == os.getpid() else "refused"


# --- files ---------------------------------------------------------------------------------------------------------
WRITES = """/proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/kernel/randomize_va_space /proc/sys/vm/drop_caches
/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sysrq-trigger /proc/irq/default_smp_affinity
/proc/1/mem /sys/kernel/uevent_helper /sys/kernel/mm/transparent_hugepage/enabled /sys/module/new
/sys/fs/cgroup/new /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/release_agent
/etc/passwd /etc/hosts /etc/hostname /etc/resolv.conf /etc/ld.so.preload /usr/bin/new /opt/backlot/new /new /run/new
/run/backlot/new /dev/new /dev/mem /dev/kmsg /dev/sda /dev/vda /dev/loop0 /dev/fuse /dev/net/tun /dev/kvm /var/tmp/new /mnt/new
/root/new /home/new /home/maker/new /tmp/new /workspace/new /dev/shm/new /dev/mqueue/new""".split()


def write(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    if path.endswith("/new"):
        os.unlink(path)
    return True


SECRETS = """/proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/scsi /proc/acpi /proc/asound /proc/latency_stats
/proc/timer_stats /proc/interrupts /proc/cmdline /proc/config.gz /proc/diskstats /proc/kallsyms /proc/modules /proc/partitions
/proc/slabinfo /proc/vmallocinfo /proc/kmsg /proc/kpagecount /proc/kpageflags /sys/firmware /sys/kernel/debug
/sys/devices/virtual/dmi /sys/devices/virtual/powercap /sys/devices/virtual/block /sys/block /sys/class/block /sys/dev/block
/sys/fs/ext4 /sys/fs/xfs /sys/fs/btrfs /sys/kernel/security /root /etc/shadow /proc/1/root/etc/shadow""".split()


def read(path):
    """`content` is the only bad answer."""
    try:
        if os.path.isdir(path):
            return "content" if os.listdir(path) else "nothing"
        with open(path, "rb") as file:
            return "content" if file.read(64) else "nothing"
    except OSError:
        return "nothing"


def mounts():
    """Where, what and with which rights; masks and control groups differ between kernels and are looked at by `read` and `write`."""
    rows = []
    for line in open("/proc/self/mountinfo"):
        left, right = line.rstrip("\n").split(" - ")
        point, options = left.split(" ")[4:6]
        kind, _, extra = right.split(" ", 2)
        if re.match(r"/proc/.|/sys/.", point) or point.endswith("-init"):
            continue
        if point.startswith("/etc/") or point == "/run/backlot":
            kind = "the host's"
        rights = [o for o in options.split(",") if o in ("ro", "rw", "nosuid", "nodev", "noexec")]
        size = [o for o in extra.split(",") if o.startswith(("size=", "nr_inodes=")) and kind == "tmpfs" and point != "/dev"]
        rows.append(" ".join([point, kind, ",".join(rights + size)]))
    return sorted(rows)


def sources():
    """Parts of host paths that mountinfo gives away (field 4)."""
    return sorted({line.split(" ")[3] for line in open("/proc/self/mountinfo")} - {"/"})


def descriptors(pid):
    kinds = []
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError as problem:
        return errno.errorcode[problem.errno]
    for name in sorted(names, key=int):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        kinds.append(re.sub(r"\d+", "N", target))
    return sorted(set(kinds))


def status(name):
    found = re.search(rf"^{name}:\s*(.*)$", open("/proc/self/status").read(), re.M)
    return found.group(1) if found else None


def words(path):
    return [line.split("#")[0].strip() for line in open(path) if line.split("#")[0].strip()]


print(json.dumps({
    "identity": {
        "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(),
        **{name: status(name) for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Seccomp"]},
        "no_new_privs": libc.prctl(39, 0, 0, 0, 0),
    },
    "network": {
        "interfaces": sorted(line.split(":")[0].strip() for line in list(open("/proc/net/dev"))[2:]),
        "routes": len(list(open("/proc/net/route"))[1:]) if os.path.exists("/proc/net/route") else 0,
        "resolv.conf": words("/etc/resolv.conf"),
        "names in hosts": sorted({name for line in words("/etc/hosts") for name in line.split()[1:]} - {socket.gethostname()}),
        "hostname": re.sub(r"[a-z2-7]{16}", "ID", socket.gethostname()),
    },
    "sockets": {"opened": socket_matrix(SOCKET), "paired": socket_matrix(SOCKETPAIR), "high bits": high_bits()},
    "system calls": system_calls(),
    "mounts": mounts(),
    "writable": [path for path in WRITES if write(path)],
    "readable": [path for path in SECRETS if read(path) == "content"],
    "devices": sorted(os.listdir("/dev")),
    "descriptors": {"init": descriptors(1), "self": descriptors("self")},
    "sources": [re.sub(r"[0-9a-f]{64}", "CONTAINER", source) for source in sources()],
}, indent=1))
