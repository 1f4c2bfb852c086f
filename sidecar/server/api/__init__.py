"""The JSON API under ``/v1``: conferences as resources. Errors are RFC 9457 problems (``server.problems``)."""
