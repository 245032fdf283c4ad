"""For all tests. Its place also lets every test import `tiny`."""
