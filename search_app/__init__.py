"""Self-hosted text-to-image search: a folder of images goes in, a sentence comes in, ranked images come out."""

__version__ = "0.1.0"
