"""Composes the bundled sample: invented adverts from freely licensed objects, with their labels and credits."""
