"""What can go wrong while a poster is composed."""


class ComposeError(Exception):
    """A poster breaks one of the rules of composition, or something it names is missing."""
