"""Which system calls a jailed process may make: a list of the allowed, all others refused.

A list of the forbidden ages: each kernel brings new calls. The allowed ones are what CPython needs
to compute, to sleep, to use threads and to work on files within the jail's small memory-backed
folder. No call starts a process or a program, opens a socket, signals or traces another process,
mounts, or makes a namespace; so fork bombs, zombies and daemons cannot begin. A refused call fails
with EPERM, which Python raises as PermissionError; a call of a foreign architecture kills.

Numbers: the kernel's `unistd_64.h` (x86-64) and `asm-generic/unistd.h` (aarch64); a test compares
them with the headers where those are installed.
"""

import struct
from collections.abc import Sequence

# name: (x86-64, aarch64); None where the architecture has only the newer form.
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # memory
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "mremap": (25, 216), "madvise": (28, 233), "membarrier": (324, 283),
    # files (what exists is decided by the mounts)
    "read": (0, 63), "write": (1, 64), "open": (2, None), "close": (3, 57), "stat": (4, None),
    "fstat": (5, 80), "lstat": (6, None), "poll": (7, None), "lseek": (8, 62),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66),
    "access": (21, None), "pipe": (22, None), "select": (23, None), "dup": (32, 23),
    "dup2": (33, None), "sendfile": (40, 71), "flock": (73, 32),
    "fsync": (74, 82), "fdatasync": (75, 83), "truncate": (76, 45), "ftruncate": (77, 46),
    "getdents": (78, None), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "rename": (82, None), "mkdir": (83, None), "rmdir": (84, None), "creat": (85, None),
    "link": (86, None), "unlink": (87, None), "symlink": (88, None), "readlink": (89, None),
    "chmod": (90, None), "fchmod": (91, 52), "umask": (95, 166), "statfs": (137, 43),
    "fstatfs": (138, 44), "getdents64": (217, 61), "openat": (257, 56), "mkdirat": (258, 34),
    "newfstatat": (262, 79), "unlinkat": (263, 35), "renameat": (264, 38), "linkat": (265, 37),
    "symlinkat": (266, 36), "readlinkat": (267, 78), "fchmodat": (268, 53),
    "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73), "utimensat": (280, 88),
    "dup3": (292, 24), "pipe2": (293, 59), "renameat2": (316, 276),
    "copy_file_range": (326, 285), "statx": (332, 291), "close_range": (436, 436),
    "faccessat2": (439, 439),
    # waiting; a pair of sockets carries asyncio's wake-up, and reaches no network
    "epoll_wait": (232, None), "epoll_ctl": (233, 21), "epoll_pwait": (281, 22),
    "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "sendto": (44, 206), "recvfrom": (45, 207), "futex": (202, 98),
    # time
    "nanosleep": (35, 101), "getitimer": (36, 102), "alarm": (37, None), "setitimer": (38, 103),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    # this process, its threads and its end
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "sched_yield": (24, 124), "getpid": (39, 172), "exit": (60, 93),
    "wait4": (61, 260), "waitid": (247, 95), "uname": (63, 160), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "getuid": (102, 174), "getgid": (104, 176),
    "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173), "getpgrp": (111, None),
    "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150),
    "getpgid": (121, 155), "getsid": (124, 156), "gettid": (186, 178),
    "sched_getaffinity": (204, 123), "set_tid_address": (218, 96), "restart_syscall": (219, 128),
    "exit_group": (231, 94), "set_robust_list": (273, 99), "getcpu": (309, 168),
    "getrandom": (318, 278), "rseq": (334, 293),
}  # fmt: skip

# Allowed for some arguments only (`_conditions`).
CONDITIONAL: dict[str, tuple[int, int]] = {
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "clone3": (435, 435),
}

_AUDIT_NAMES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NOT_PERMITTED, _NOT_IMPLEMENTED = _ERROR | 1, _ERROR | 38
_THREAD = 0x00010000
# TCGETS (is this a terminal?), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what Python's own files ask.
_DEVICE_REQUESTS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
# Duplicating, flags and locks; not F_SETOWN and F_SETSIG, which have the kernel send signals.
_FILE_REQUESTS = (*range(8), 1030, 1032)
_UNIX_SOCKETS = (1,)


def supported(machine: str) -> bool:
    """Whether the numbers of this architecture are known."""
    return machine in _AUDIT_NAMES


def assemble(machine: str, process: int) -> bytes:
    """The filter as BPF instructions.

    Args:
        machine: as `os.uname().machine` says.
        process: the id of the process that will be filtered: the only one it may signal.
    """
    column, audit_name = _AUDIT_NAMES[machine]
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, audit_name, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    for numbers in ALLOWED.values():
        number = numbers[column]
        if number is not None:
            program += [_step(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    for name, body in _conditions(process).items():
        program += [_step(_JUMP_EQUAL, CONDITIONAL[name][column], 0, len(body)), *body]
    program.append(_step(_RETURN, _NOT_PERMITTED))
    return b"".join(program)


def _conditions(process: int) -> dict[str, list[bytes]]:
    """What follows each conditional number: instructions that end in a verdict."""
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _NOT_PERMITTED)

    def one_of(argument: int, values: Sequence[int]) -> list[bytes]:
        steps = [_step(_LOAD, _ARGUMENTS + 8 * argument)]
        for value in values:
            steps += [_step(_JUMP_EQUAL, value, 0, 1), allow]
        return [*steps, refuse]

    return {
        "ioctl": one_of(1, _DEVICE_REQUESTS),
        "fcntl": one_of(1, _FILE_REQUESTS),
        # Other families would load their kernel modules.
        "socketpair": one_of(0, _UNIX_SOCKETS),
        # A thread, never a process; the kernel lets no thread enter new namespaces.
        "clone": [_step(_LOAD, _ARGUMENTS), _step(_JUMP_ANY_BIT, _THREAD, 0, 1), allow, refuse],
        "tgkill": one_of(0, (process,)),
        # Reading a limit has no new value (a null pointer, in two halves).
        "prlimit64": [
            _step(_LOAD, _ARGUMENTS + 16),
            _step(_JUMP_EQUAL, 0, 0, 3),
            _step(_LOAD, _ARGUMENTS + 20),
            _step(_JUMP_EQUAL, 0, 0, 1),
            allow,
            refuse,
        ],
        # Its flags lie in memory, where no filter sees them; the C library then asks `clone`.
        "clone3": [_step(_RETURN, _NOT_IMPLEMENTED)],
    }


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
