"""Ports for the demo's two processes."""

import socket

from sidecar.cli.children import _reserve, free_ports, is_free


def test_ports_in_a_row_are_free_and_never_those_of_outgoing_connections() -> None:
    for _ in range(20):
        first = free_ports(2)
        assert 20_000 <= first < 32_768 - 2
        assert is_free(first)
        assert is_free(first + 1)


def test_no_port_is_given_away_twice() -> None:
    first = free_ports(3)
    assert not _reserve(range(first + 2, first + 3))
    assert is_free(first + 2)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not is_free(taken.getsockname()[1])
