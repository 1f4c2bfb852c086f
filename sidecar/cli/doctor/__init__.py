"""``sidecar doctor``: what stands between a call and its transcript, looked at one thing after another."""
