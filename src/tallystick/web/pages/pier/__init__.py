"""The pier: count, hand over, receive, on a telephone in the sun."""
