"""Price lists of both parties: what offers lean on. A provider publishes its own."""
