"""The shell people and programs touch: pages, API and the partners' endpoint, in Django."""
