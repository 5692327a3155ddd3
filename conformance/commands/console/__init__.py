"""What the commands share: how they read, print, show progress and end."""
