"""The pages under ``/settings``: each a module of its own, in one frame."""
