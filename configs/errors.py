"""The error that a user can act on."""

USER_ERROR = 2
"""Exit status of a process that ends with one."""


RESTART = 75
"""Exit status of a process that has saved what it did and asks to be started again: EX_TEMPFAIL of sysexits.h, "the
user is invited to try again"."""


class UserError(Exception):
    """Something the user can put right: a file, a key, a row, a missing program.

    The message is one line that names what is wrong and the remedy. Entry points print it
    without a stack trace and exit with status USER_ERROR; anything else that escapes is a bug.
    """


class EndedError(Exception):
    """A process that this one needed has ended, perhaps for want of memory, perhaps for no fault of the user's.

    Told in one line as a UserError is, but with status 1: another attempt is worth it.
    """


class RestartError(Exception):
    """Told to stop, this process has saved what it did; the same command goes on. Status RESTART."""
