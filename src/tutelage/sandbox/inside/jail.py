"""The empty world a program is run in, made of Linux namespaces; no root rights are needed.

The root folder is a read-only memory file system with Python's library, the system's shared
libraries and four harmless devices; no `/proc`, no home, no network interface. Where the harness
is root, everything in here is `nobody` outside. Namespaces are made once for a warden; each trial
adds process ids and a `/tmp` of its own. (bubblewrap and nsjail do the same; 150 lines here save a
dependency that no package index has, and let one warden fork a trial in milliseconds.)
"""

import os
import resource
import sys
from pathlib import Path

from . import call_filter, kernel

_NOBODY = 65534
_DEVICES = ("null", "zero", "random", "urandom")
_ROOT = "/tmp"
SCRATCH = "/tmp"
SHARED = "/shared"


def enter(shared: list[str]) -> None:
    """Shut this process, and all it will start, into new namespaces and the small root.

    Args:
        shared: files of the host that appear, read-only, in `SHARED` by their number.

    Raises:
        OSError: the kernel refuses one of the steps; the message says which.
    """
    if not call_filter.supported(os.uname().machine):
        raise OSError(f"no system call filter for the architecture {os.uname().machine}")
    kernel.no_new_privileges()
    if os.geteuid() == 0 and Path("/proc/self/setgroups").read_text().strip() == "allow":
        os.setgroups([])
    _new_namespaces()
    sources = _sources(shared)
    # Root's own rights were needed to reach the sources; from here on root is nobody outside.
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.die_with_parent()  # again: changing user cleared it
    _build_root(sources)


def new_scratch(megabytes: int) -> None:
    """Give what this process will start process ids and a scratch folder, in memory, of its own."""
    kernel.unshare(kernel.NEW_PROCESS_IDS | kernel.NEW_MOUNTS, "process")
    flags = kernel.MOUNT_NO_SETUID | kernel.MOUNT_NO_DEVICES | kernel.MOUNT_NO_EXECUTE
    kernel.mount("tmpfs", SCRATCH, "tmpfs", flags, f"size={megabytes}m,nr_inodes=1024,mode=700")
    os.chdir(SCRATCH)


def lock(limits: dict[str, int], keep: list[int]) -> None:
    """Put the calling process under its limits and the call filter, for good.

    Args:
        limits: `tutelage.sandbox.Limits`, as a dictionary.
        keep: the descriptors that stay open, beside input, output and errors, which lead nowhere.
    """
    nowhere = os.open("/dev/null", os.O_RDWR)
    for standard in {0, 1, 2} - set(keep):
        os.dup2(nowhere, standard)
    kept = sorted({0, 1, 2, *keep})
    for lower, upper in zip(kept, [*kept[1:], 1 << 16], strict=True):
        os.closerange(lower + 1, upper)
    for limit, value in (
        (resource.RLIMIT_AS, limits["memory_mb"] << 20),
        (resource.RLIMIT_CPU, limits["processor_seconds"]),
        (resource.RLIMIT_NPROC, limits["threads"]),
        (resource.RLIMIT_FSIZE, limits["scratch_mb"] << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    kernel.drop_capabilities()
    kernel.apply_filter(call_filter.assemble(os.uname().machine, os.getpid()))


def _new_namespaces() -> None:
    """Unshare, while a child that stays outside says who we are in there: nobody, or ourselves."""
    outer_user, outer_group = _outer_identity("uid"), _outer_identity("gid")
    inside, ready = os.pipe()
    target = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(ready)
        code = 1
        try:
            if os.read(inside, 1):
                Path(f"/proc/{target}/setgroups").write_text("deny")
                Path(f"/proc/{target}/uid_map").write_text(f"0 {outer_user} 1")
                Path(f"/proc/{target}/gid_map").write_text(f"0 {outer_group} 1")
                code = 0
        finally:
            os._exit(code)
    os.close(inside)
    try:
        kernel.unshare(kernel.NEW_NAMESPACES["user"], "user")
        os.write(ready, b".")
    finally:
        os.close(ready)
        _, status = os.waitpid(child, 0)
    if status:
        raise OSError("new user namespace: its identity map was refused")
    for name, flag in kernel.NEW_NAMESPACES.items():
        if name != "user":
            kernel.unshare(flag, name)


def _outer_identity(kind: str) -> int:
    """Who this process is outside: for root nobody, where the namespace around us knows nobody."""
    own = os.geteuid() if kind == "uid" else os.getegid()
    extents = [
        map(int, line.split()) for line in Path(f"/proc/self/{kind}_map").read_text().splitlines()
    ]
    known = any(first <= _NOBODY < first + count for first, _, count in extents)
    return _NOBODY if os.geteuid() == 0 and known else own


def _sources(shared: list[str]) -> dict[str, int]:
    """Open what the root will show, by its path in there, before the rights to it are given up."""
    folders = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"}
    folders |= {f"{prefix}/lib" for prefix in (sys.base_prefix, sys.base_exec_prefix)}
    shown = {folder: folder for folder in folders if Path(folder).is_dir()}
    shown |= {f"/dev/{name}": f"/dev/{name}" for name in _DEVICES}
    shown["/etc/ld.so.cache"] = "/etc/ld.so.cache"
    shown |= {f"{SHARED}/{number}": file for number, file in enumerate(shared)}
    return {
        inside: os.open(outside, os.O_PATH | os.O_CLOEXEC)
        for inside, outside in sorted(shown.items())
        if Path(outside).exists()
    }


def _build_root(sources: dict[str, int]) -> None:
    """Mount the root with the opened sources in it, enter it, and let go of the host's."""
    kernel.mount("none", "/", "none", kernel.MOUNT_RECURSIVE | kernel.MOUNT_PRIVATE)
    # The sources are reached by descriptor, so /proc must stay visible until they are mounted.
    kernel.mount("tmpfs", _ROOT, "tmpfs", kernel.MOUNT_NO_SETUID, "size=1m,mode=755")
    for inside, descriptor in sources.items():
        target = Path(_ROOT + inside)
        if target.exists():  # shown already, by a folder above it
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source = f"/proc/self/fd/{descriptor}"
        is_folder = Path(source).is_dir()
        target.mkdir() if is_folder else target.touch()
        kernel.mount(source, str(target), "none", kernel.MOUNT_BIND | kernel.MOUNT_RECURSIVE)
        kernel.read_only(
            str(target), everything_below=is_folder, devices=inside.startswith("/dev/")
        )
        os.close(descriptor)
    Path(_ROOT + SCRATCH).mkdir()
    kernel.enter_root(_ROOT)
    kernel.read_only("/", everything_below=False)
