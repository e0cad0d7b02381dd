"""Sounds of a line on which nobody speaks; they ship with the product, because `bench accuracy` uses them."""

from koemori.audio.telephone_sounds import SOUNDS

__all__ = ["SOUNDS"]
