"""The bundled sample and the program that composed it."""
