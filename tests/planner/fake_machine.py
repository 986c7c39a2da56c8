"""A made-up machine: files of /proc and /sys as the kernel writes them, in a temporary folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
GIB = 2**30
V1_UNLIMITED = 0x7FFFFFFFFFFFF000


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """The root of a made-up machine on which process `pid` runs."""

    root: Path
    pid: str = "77"

    def write(self, path: str, text: str) -> None:
        """Write one file, with a newline at its end."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")

    def process(self, **status_kib: int) -> None:
        """The process holds what `status_kib` says; by default 20 MiB, 1 MiB of it page tables."""
        figures = {"VmSize": 900 * 1024, "VmData": 100 * 1024, "VmPTE": 1024, **status_kib}
        lines = [f"{name}:\t{size} kB" for name, size in figures.items()]
        self.write(f"proc/{self.pid}/status", "\n".join([*lines, "Cpus_allowed_list:\t0-3,8"]))
        self.write(
            f"proc/{self.pid}/smaps_rollup",
            "0-1 ---p 0 00:00 0 [rollup]\nRss: 90000 kB\nPss: 40000 kB\n"
            f"Pss_Anon:  {18 * 1024} kB\nPss_File: 9000 kB\nPss_Shmem:  1024 kB",
        )

    def meminfo(self, available_bytes: int = 8 * GIB) -> None:
        """The machine has that much available memory, and swap, which must not count."""
        self.write(
            "proc/meminfo",
            f"MemTotal: {16 * GIB // 1024} kB\nMemFree: {GIB // 1024} kB\n"
            f"MemAvailable: {available_bytes // 1024} kB\nSwapFree: {64 * GIB // 1024} kB\n"
            f"CommitLimit: {3 * GIB // 1024} kB\nCommitted_AS: {GIB // 1024} kB",
        )

    def limits(self, data: str = "unlimited", space: str = "unlimited") -> None:
        """The resource limits of the process."""
        self.write(
            f"proc/{self.pid}/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n"
            f"Max data size             {data}            unlimited            bytes     \n"
            f"Max address space         {space}            unlimited            bytes     ",
        )

    def groups(self, cgroup: list[str], mounts: list[str]) -> None:
        """Lines of /proc/PID/cgroup; mounts as `KIND ROOT POINT [OPTIONS]`."""
        self.write(f"proc/{self.pid}/cgroup", "\n".join(cgroup))
        lines = []
        for mount in mounts:
            kind, root, point, *options = mount.split(" ")
            options = ["rw", *options]
            lines.append(f"35 31 0:32 {root} {point} rw,nosuid - {kind} {kind} {','.join(options)}")
            (self.root / point.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.write(f"proc/{self.pid}/mountinfo", "\n".join(lines))

    def v2(
        self, folder: str, maximum: str, current: int, high: str = "max", clean: int = 0
    ) -> None:
        """A v2 group with its limits; `clean` bytes of its use are clean pages of files."""
        self.write(f"{folder}/memory.max", maximum)
        self.write(f"{folder}/memory.high", high)
        self.write(f"{folder}/memory.current", str(current))
        dirty = 4096
        self.write(
            f"{folder}/memory.stat",
            f"anon {current - clean}\ninactive_file {clean}\nactive_file {dirty}\n"
            f"file_dirty {dirty}\nfile_writeback 0",
        )

    def v1(self, folder: str, limit: int, usage: int, clean: int = 0, least: int = 0) -> None:
        """A v1 group; `least` is the limit that binds it of all its ancestors."""
        self.write(f"{folder}/memory.limit_in_bytes", str(limit))
        self.write(f"{folder}/memory.usage_in_bytes", str(usage))
        self.write(f"{folder}/memory.use_hierarchy", "1")
        self.write(
            f"{folder}/memory.stat",
            f"inactive_file 1\nactive_file 1\ntotal_inactive_file {clean}\ntotal_active_file 8192\n"
            f"total_dirty 4096\ntotal_writeback 4096\nhierarchical_memory_limit {least or limit}",
        )


def plain_machine(root: Path) -> FakeMachine:
    """A machine of 8 GiB available, without limits and without control groups."""
    machine = FakeMachine(root)
    machine.process()
    machine.meminfo()
    machine.limits()
    return machine
