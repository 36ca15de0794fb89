"""What can go wrong with a tool, and the exit code that says so.

Problem             something is not as it should be: exit code 1
└── UsageProblem    the call or the settings are wrong: exit code 2
"""

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_UNKNOWN = 3
"""Nobody knows what became of a command."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, as Typer and shells have it."""


class Problem(Exception):  # noqa: N818 - no error of the program
    """Something is not as it should be.

    The text is for people, the advice the next thing to do, the code a word
    for machines.
    """

    exit_code = EXIT_FINDINGS

    def __init__(
        self, text: str, advice: str = "", code: str = "problem"
    ) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
        self.code = code


class UsageProblem(Problem):
    """The call or the settings are wrong."""

    exit_code = EXIT_USAGE

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text, advice, "usage")
