"""More photographs to train on, brought by code from packages of Debian and Ubuntu whose licences can be read."""
