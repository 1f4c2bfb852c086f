"""What the demo says on the terminal."""

from __future__ import annotations

import getpass

import pytest

from sidecar.cli.demo.show import Show, ssh_command


def test_addresses_come_with_how_to_stop_and_what_to_try_next(capsys: pytest.CaptureFixture[str]) -> None:
    """Without SSH nothing is said of it."""
    pages, phone = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
    Show(quiet=False).addresses(
        f"{pages}/", f"{pages}/conferences/cnf_1", phone=phone, key="sck_1", database="sqlite:////tmp/demo.sqlite3"
    )
    said = capsys.readouterr().out
    assert "wallboard           http://127.0.0.1:8080/\n" in said
    assert "http://127.0.0.1:8080/conferences/cnf_1\n" in said
    assert "http://127.0.0.1:8081/listen\n" in said
    assert "http://127.0.0.1:8081/softphone\n" in said
    assert "API key             sck_1\n" in said
    assert "database            sqlite:////tmp/demo.sqlite3\n" in said
    assert "Ctrl-C stops." in said
    assert "next: your own WAV, your Twilio number" in said
    assert "ssh" not in said


def test_for_other_machines_there_are_addresses_and_a_word_of_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """A browser does not know the certificate, and whoever comes may hear and speak."""
    Show(quiet=False).addresses("x", "y", phone="z", key="sck_1", database="d", elsewhere=["https://my-machine:8080/"])
    said = capsys.readouterr().out
    assert "from elsewhere      https://my-machine:8080/\n" in said
    assert "The browser will warn" in said


def test_over_ssh_the_command_for_the_users_own_machine_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Ready to be copied."""
    Show(quiet=False).addresses(
        "http://127.0.0.1:8080", "x", phone="y", key="sck_1", database="d", ssh="ssh -L 8080:127.0.0.1:8080 me@host"
    )
    assert "ssh -L 8080:127.0.0.1:8080 me@host" in capsys.readouterr().out


def test_the_transcript_has_stdout_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Ticks and troubles go to stderr then."""
    show = Show(quiet=True)
    show.tick("call", "live")
    show.trouble("model", "missing")
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split()[1:] for line in said.err.splitlines()] == [["call", "live"], ["model", "missing"]]


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("192.0.2.7 50022 198.51.100.9 22", "ssh -L 8090:127.0.0.1:8090 -L 8091:127.0.0.1:8091 {user}@198.51.100.9"),
        (
            "2001:db8::7 50022 2001:db8::9 2222",
            "ssh -L 8090:127.0.0.1:8090 -L 8091:127.0.0.1:8091 -p 2222 {user}@2001:db8::9",
        ),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_ssh_command_names_this_machine_as_the_user_reached_it(connection: str, expected: str | None) -> None:
    """Its address and port are those of the connection; without a connection there is no command."""
    made = ssh_command({"SSH_CONNECTION": connection}, 8090, 8091)
    assert made == (expected.format(user=getpass.getuser()) if expected else None)


def test_without_the_variable_there_is_no_ssh() -> None:
    """A terminal on the machine itself."""
    assert ssh_command({}, 8080) is None
