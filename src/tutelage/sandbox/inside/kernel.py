"""The few calls to Linux that Python's standard library does not offer.

Numbers are those of the kernel's headers; system calls newer than glibc's wrappers are made by
number, and those (428 and up) are the same on every architecture.
"""

import ctypes
import os

NEW_NAMESPACES = {
    "mount": 0x00020000,
    "control group": 0x02000000,
    "host name": 0x04000000,
    "inter-process": 0x08000000,
    "user": 0x10000000,
    "network": 0x40000000,
}
NEW_PROCESS_IDS = 0x20000000
NEW_MOUNTS = NEW_NAMESPACES["mount"]

MOUNT_NO_SETUID, MOUNT_NO_DEVICES, MOUNT_NO_EXECUTE = 2, 4, 8
MOUNT_BIND, MOUNT_RECURSIVE, MOUNT_PRIVATE = 0x1000, 0x4000, 1 << 18
_UNMOUNT_DETACH = 2

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 4, 22, 38
_SECCOMP_FILTER = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int, what: str) -> None:
    """Leave the namespaces that `flags` names for new, empty ones."""
    _done(_libc.unshare(flags), f"new {what} namespace")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    done = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _done(done, f"mount {target}")


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_ns")]


def read_only(target: str, *, everything_below: bool, devices: bool = False) -> None:
    """Make a mount, and the mounts below it, read-only and free of setuid programs (Linux 5.12)."""
    wanted = 1 | 2 | (0 if devices else 4)
    attributes = _MountAttributes(set=wanted)
    flags = _AT_RECURSIVE if everything_below else 0
    done = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(target.encode()),
        ctypes.c_uint(flags),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _done(done, f"make {target} read-only")


def enter_root(folder: str) -> None:
    """Make `folder` (a mount) the root, and leave nothing of the old root reachable."""
    os.chdir(folder)
    number = ctypes.c_long(_PIVOT_ROOT[os.uname().machine])
    _done(_libc.syscall(number, b".", b"."), "change the root folder")
    _done(_libc.umount2(b".", _UNMOUNT_DETACH), "leave the old root folder")
    os.chdir("/")


def _prctl(option: int, value: int, what: str) -> None:
    zero = ctypes.c_ulong(0)
    _done(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), what)


def die_with_parent() -> None:
    """Be killed as soon as the parent process ends, however it ends."""
    _prctl(_SET_DEATH_SIGNAL, 9, "death signal")


def no_new_privileges() -> None:
    """No program started from here on gains rights by setuid or file capabilities."""
    _prctl(_SET_NO_NEW_PRIVILEGES, 1, "no new privileges")


def drop_capabilities() -> None:
    """Give up every capability, in this process for good, and be neither traced nor dumped."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _done(_libc.capset(ctypes.byref(header), ctypes.byref(nothing)), "drop capabilities")
    _prctl(_SET_DUMPABLE, 0, "no dumps")


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def apply_filter(instructions: bytes) -> None:
    """Let the kernel judge every later system call of this process by a BPF program (seccomp).

    Args:
        instructions: 8 bytes each, as `call_filter` assembles them.
    """
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    address = ctypes.cast(buffer, ctypes.c_void_p)
    program = _FilterProgram(len(instructions) // 8, address)
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(_SECCOMP_FILTER)
    _done(_libc.prctl(_SET_SECCOMP, mode, ctypes.byref(program), zero, zero), "system call filter")
