"""Rules that stay in the caller's process, and documents that are checked by them one by one."""

from pff_stream.limits.room import check_room

check_room()  # before numpy is imported, which would end the process
