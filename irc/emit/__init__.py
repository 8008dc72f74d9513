"""A net as text and pictures for people and other programs: equations, matrices, graphs."""
