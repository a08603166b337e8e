"""What `twotrack benchmark` measures and says; no time is held to a limit here."""
