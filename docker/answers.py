"""Exits with 0 if a page of this container returns 200: ``answers.py 8080 /ready``."""

import sys
from http.client import HTTPConnection

port, page = sys.argv[1:]
connection = HTTPConnection("127.0.0.1", int(port), timeout=5)
connection.request("GET", page)
sys.exit(connection.getresponse().status != 200)
