"""What the demo tells its user on the terminal: few lines, each of which is of use."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence


class Show:
    """Lines on stdout; on stderr when stdout carries a transcript."""

    def __init__(self, *, quiet: bool) -> None:
        self._out = sys.stderr if quiet else sys.stdout
        self._mark = "✓" if (self._out.encoding or "").lower().startswith("utf") else "+"

    def tick(self, what: str, detail: str) -> None:
        """One more thing works."""
        self.line(f"  {self._mark} {what:<9} {detail}")

    def trouble(self, what: str, detail: str) -> None:
        """Something does not work; the demo goes on as well as it can."""
        self.line(f"  ! {what:<9} {detail}")

    def line(self, text: str) -> None:
        """A plain line."""
        print(text, file=self._out, flush=True)

    def addresses(
        self,
        wallboard_url: str,
        conference_url: str,
        *,
        phone: str,
        key: str,
        database: str,
        ssh: str | None = None,
        elsewhere: Sequence[str] = (),
    ) -> None:
        """Where to look, hear and speak, how to stop, what to try next.

        ``phone``: the emulator's address. ``key``: of the API. ``database``: its URL.
        ``elsewhere``: addresses for browsers on other machines.
        """
        self.line("")
        self.line(f"    wallboard           {wallboard_url}")
        self.line(f"    this call           {conference_url}")
        self.line(f"    listen              {phone}/listen")
        self.line(f"    softphone           {phone}/softphone")
        self.line(f"    API key             {key}")
        self.line(f"    database            {database}")
        for url in elsewhere:
            self.line(f"    from elsewhere      {url}")
        if elsewhere:
            self.line(
                "    The browser will warn: this demo signed its certificate itself. Who reaches these addresses may"
            )
            self.line("    join the demo's calls by softphone and listen.")
        if ssh is not None:
            self.line(f"    from your machine   {ssh}   and then the same addresses")
        self.line("")
        self.line("    Ctrl-C stops.")
        self.line("    next: your own WAV, your Twilio number")
        self.line("      sidecar demo --wav agent=A.wav --wav customer=B.wav")
        self.line('      README.md, "Use it with your Twilio account"')
        self.line("")


def ssh_command(environment: Mapping[str, str], *ports: int) -> str | None:
    """What to type on the machine in front of the user so that the addresses work there; None without SSH.

    ``SSH_CONNECTION`` holds the client's address and port, then the server's (https://man.openbsd.org/ssh.1#ENVIRONMENT).
    """
    try:
        _client, _client_port, host, ssh_port = environment.get("SSH_CONNECTION", "").split()
    except ValueError:
        return None
    to = "" if ssh_port == "22" else f"-p {ssh_port} "
    forwards = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    return f"ssh {forwards} {to}{getpass.getuser()}@{host}"
