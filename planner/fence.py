"""Has the kernel hold a process to its share, so that a mistake is one clean failure, not a freeze.

Nothing here is an error when it cannot be done: whoever asks gets the reason, in words, and goes
on without this fence. Light enough for a worker: no imports beyond the standard library.
"""

from __future__ import annotations

import os
import time

from planner import procfs
from planner.cgroups import ControlGroup, own_groups


def limit_data(share_bytes: int, pid: int | None = None) -> str | None:
    """Let a process (this one by default) map `share_bytes` more private memory than it has now.

    RLIMIT_DATA counts address space, touched or not, so the share must include the allocator's
    slack and the stacks of threads; over it allocations fail with MemoryError. Only the soft limit
    is set. Returns None when it is set, else the reason. ValueError on a negative share.
    """
    if share_bytes < 0:
        raise ValueError(f"{share_bytes}: a share cannot be negative")
    process = f"{procfs.PROC}/{'self' if pid is None else pid}"
    held_bytes = procfs.data_bytes(process)
    if not held_bytes:
        return "the kernel does not tell how much private memory the process has (VmData)"
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if pid is not None:
            hard = resource.prlimit(pid, resource.RLIMIT_DATA)[1]
        soft = held_bytes + share_bytes
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        if pid is None:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        else:
            resource.prlimit(pid, resource.RLIMIT_DATA, (soft, hard))
    except (ImportError, AttributeError, OSError, ValueError, OverflowError) as error:
        return f"RLIMIT_DATA cannot be set: {error}"
    return None


def data_limit() -> int | None:
    """The soft limit on this process's data as it is now, for `restore_data_limit`; None: unknown.

    -1 stands for no limit.
    """
    try:
        import resource

        soft = resource.getrlimit(resource.RLIMIT_DATA)[0]
    except (ImportError, AttributeError, OSError):
        return None
    return -1 if soft == resource.RLIM_INFINITY else soft


def restore_data_limit(limit_bytes: int) -> str | None:
    """Set the soft limit on this process's data back to what `data_limit` gave; None when done."""
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = resource.RLIM_INFINITY if limit_bytes < 0 else limit_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except (ImportError, AttributeError, OSError, ValueError) as error:
        return f"RLIMIT_DATA cannot be set: {error}"
    return None


def _write(path: str, text: str) -> None:
    """Writes a control file, which takes its text in one call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, text.encode("ascii"))
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def _error_text(error: OSError) -> str:
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error)


class MemoryGroup:
    """A child of the process's own control group that holds it, and all its children, to a limit.

    Entering moves this process (all its threads) into the group; leaving moves it back and removes
    the group. Memory that is charged already does not move: enter before anything big is imported
    or allocated. On v2 a group with a limit cannot be made beside processes, so the own group must
    be a delegated one that holds nobody else. Where none can be made `reason` says why, and the
    process stays where it is.

    Groups are named `NAME-PID`; those of dead processes are removed when the next one is made.
    """

    def __init__(self, limit_bytes: int, name: str = "planner", root: str = "/") -> None:
        """Prepare a group of at most `limit_bytes`; `root` stands before every path (for tests)."""
        if limit_bytes < 0:
            raise ValueError(f"{limit_bytes}: a limit cannot be negative")
        self.limit_bytes = limit_bytes
        self.reason: str | None = "not entered"
        self.version = 0
        self.path = ""
        self._name = name
        self._root = root.rstrip("/")
        self._base = ""
        self._owner = os.getpid()
        self._enabled_here = False

    def __enter__(self) -> MemoryGroup:
        self._owner = os.getpid()
        self.reason = "no control group of memory is mounted"
        if any(c in self._name for c in "/\n\0") or not self._name:
            self.reason = f"{self._name!r} cannot name a control group"
            return self
        reasons: list[str] = []
        # v1 first: where it has the memory controller, v2 is mounted without it.
        for group in own_groups("memory", self._root):
            try:
                reason = self._try(group)
            except BaseException:  # Ctrl-C: whoever could not enter cannot leave either
                self.close()
                raise
            if reason is None:
                self.reason, self.version = None, group.version
                return self
            reasons.append(f"cgroup v{group.version}: {reason}")
        if reasons:
            self.reason = "; ".join(reasons)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def active(self) -> bool:
        """Whether the process is in the group."""
        return self.reason is None

    @property
    def peak_bytes(self) -> int | None:
        """The kernel's own figure of the most that was charged; None where it keeps none."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        return self._figure(procfs.read_text(f"{self.path}/{name}"))

    @property
    def oom_kills(self) -> int | None:
        """How many processes of the group the kernel killed for memory; None where unknown."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in (procfs.read_text(f"{self.path}/{name}") or "").splitlines():
            if line.startswith("oom_kill "):
                return self._figure(line.split()[1])
        return None

    def set_limit(self, limit_bytes: int) -> str | None:
        """Hold the group to another limit from now on; the reason where that cannot be.

        The kernel takes back clean pages first. A limit below what cannot be taken back is refused
        (v1), or costs a process of the group its life (v2): lower it to what was planned for.
        """
        if limit_bytes < 0:
            raise ValueError(f"{limit_bytes}: a limit cannot be negative")
        if not self.active:
            return self.reason
        names = ["memory.max"]
        if self.version == 1:
            # Memory and swap together may never be less than memory: the wider one goes first.
            names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
            if limit_bytes > self.limit_bytes:
                names.reverse()
        try:
            for name in names:
                if "memsw" not in name or os.path.exists(f"{self.path}/{name}"):
                    _write(f"{self.path}/{name}", str(limit_bytes))
        except OSError as error:
            return _error_text(error)
        self.limit_bytes = limit_bytes
        return None

    def close(self, patience_seconds: float = 1.0) -> bool:
        """Leave and remove the group; True if it is gone.

        A group in which other processes still live cannot be removed: after `patience_seconds` it
        is left to the next start. Closing twice does nothing.
        """
        # A forked child inherits this object, but neither the right nor the need to take it down.
        if not self.path or os.getpid() != self._owner:
            return True
        self.reason = "left"
        try:
            return self._leave(patience_seconds)
        except BaseException:  # Ctrl-C came in the middle
            self._leave(patience_seconds)
            raise

    def _leave(self, patience_seconds: float) -> bool:
        deadline = time.monotonic() + patience_seconds
        while not self._back_out():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def _figure(self, text: str | None) -> int | None:
        return int(text) if text is not None and text.isdigit() else None

    def _try(self, group: ControlGroup) -> str | None:
        """Make and enter a child of this group; the reason if that cannot be, all undone then."""
        self._base = self._root + group.directory
        members = (procfs.read_text(f"{self._base}/cgroup.procs") or "").split()
        if str(os.getpid()) not in members:
            # A group below any other one could be free of the limits that bind us now.
            return "our own group is not visible here"
        _remove_stale(self._base, self._name, self._root)
        try:
            if group.version == 1:
                return self._make_v1()
            return self._make_v2(group, [pid for pid in members if pid != str(os.getpid())])
        except OSError as error:
            self._back_out()
            return _error_text(error)

    def _make_v1(self) -> str | None:
        if procfs.read_text(f"{self._base}/memory.use_hierarchy") == "0":
            return "a child would be free of the limits of its parents"
        self._create()
        _write(f"{self.path}/memory.limit_in_bytes", str(self.limit_bytes))
        try:  # memory and swap together: no swap. Absent where the kernel does not count swap.
            _write(f"{self.path}/memory.memsw.limit_in_bytes", str(self.limit_bytes))
        except OSError:
            pass
        _write(f"{self.path}/cgroup.procs", str(os.getpid()))
        return None

    def _make_v2(self, group: ControlGroup, others: list[str]) -> str | None:
        controllers = procfs.read_text(f"{self._base}/cgroup.controllers") or ""
        if "memory" not in controllers.split():
            return f"{group.directory} has no memory controller"
        subtree = f"{self._base}/cgroup.subtree_control"
        enabled = "memory" in (procfs.read_text(subtree) or "").split()
        if not enabled and others and group.path:
            return f"{group.directory} holds {len(others)} other processes"
        self._create()
        # Moved first: no controller can be given to children while the group itself has processes.
        _write(f"{self.path}/cgroup.procs", str(os.getpid()))
        if not enabled:
            _write(subtree, "+memory")
            self._enabled_here = True
        _write(f"{self.path}/memory.max", str(self.limit_bytes))
        try:
            _write(f"{self.path}/memory.swap.max", "0")
        except OSError:
            pass  # absent where the kernel does not count swap
        return None

    def _create(self) -> None:
        self.path = f"{self._base}/{self._name}-{os.getpid()}"
        try:
            os.mkdir(self.path)
        except FileExistsError:
            pass  # left by a dead process that had our number
        except OSError:
            self.path = ""
            raise

    def _back_out(self) -> bool:
        """Undo what was done so far, as far as it goes; True if the group is gone."""
        if not self.path:
            return True
        if self._enabled_here:
            try:  # while it is enabled for children, no process may enter the group
                _write(f"{self._base}/cgroup.subtree_control", "-memory")
                self._enabled_here = False
            except OSError:
                pass
        try:
            _write(f"{self._base}/cgroup.procs", str(os.getpid()))
            os.rmdir(self.path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        self.path = ""
        return True


def remove_stale_groups(name: str, root: str = "/") -> None:
    """Removes the groups of a name whose process is dead, where this process could make one."""
    root = root.rstrip("/")
    for group in own_groups("memory", root):
        _remove_stale(root + group.directory, name, root)


def _remove_stale(base: str, name: str, root: str) -> None:
    """Those below one group; those that still have processes refuse it."""
    start = f"{name}-"
    try:
        found = [one for one in os.listdir(base) if one.startswith(start)]
    except OSError:
        return
    for one in found:
        pid = one[len(start) :]
        if not pid.isdigit() or os.path.exists(f"{root}/proc/{pid}"):
            continue
        try:
            os.rmdir(f"{base}/{one}")
        except OSError:
            pass
