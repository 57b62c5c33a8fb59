"""Services that an app needs beside it: what tells of each is data, read by ``find``."""
