"""The image, built by a real Docker engine and checked: `python -m tests.image`."""
