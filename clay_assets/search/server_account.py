"""The account the embedded PostgreSQL server runs under.

PostgreSQL refuses to run as root. As root, the server gets a user id of its own that no account
has, and, where the folders above its files are closed to that id (a checkout in root's home), the
one capability that passes them. Nobody's folders are opened up for it.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from clay_assets.errors import DatabaseError

SERVER_UID = 61_543
"""User and group id of a server made by root; in no system's range of accounts."""


def owner_of_new_data() -> int:
    """User id that will own a data folder made by this process."""
    return os.geteuid() or SERVER_UID


def maker_of_new_data() -> int:
    """User id that can make a data folder: `initdb` wants one that has a name.

    Raises:
        DatabaseError: this process is root and there is no other account.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    uids = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not uids:
        raise DatabaseError(
            "this machine has no account but root, and PostgreSQL does not run as root; add one "
            "(useradd clay), or set CLAY_POSTGRES_URL to a server of your own"
        )
    return max(uids)


def running_as(uid: int, folders: Sequence[Path]) -> list[str]:
    """What goes before a command so that it runs as `uid` and reaches its files in `folders`.

    Raises:
        DatabaseError: this process cannot become that user.
    """
    if os.geteuid() == uid:
        return []
    if os.geteuid() != 0:
        raise DatabaseError(
            f"the embedded PostgreSQL of {folders[0]} belongs to user id {uid}, this process has "
            f"{os.geteuid()}; run as the user who made it, or set CLAY_HOME to another folder"
        )
    program = shutil.which("setpriv")
    if program is None:
        raise DatabaseError(
            "PostgreSQL does not run as root, and `setpriv`, which makes it another user, is not "
            "on the PATH; install util-linux, run as an ordinary user, or set CLAY_POSTGRES_URL "
            "to a server of your own"
        )
    become = [program, f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
    if all(_is_open(folder) for folder in folders):
        return [*become, "--inh-caps=-all", "--"]
    # no_setuid_fixup: else access(2), by which PostgreSQL finds its own program, overlooks it
    capability = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    return [*become, *capability, "--securebits=+no_setuid_fixup", "--"]


def give(folder: Path, uid: int) -> None:
    """Make `uid` the owner of a folder and of all in it; links are not followed."""
    os.chown(folder, uid, uid, follow_symlinks=False)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), uid, uid, follow_symlinks=False)


def _is_open(folder: Path) -> bool:
    """Whether anyone may pass through all folders down to this one."""
    folder = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents))
