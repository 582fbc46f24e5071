"""What a bare list takes: every page of a collection, asked for and parsed, and nothing kept."""

import http.client
import json
import sys
from urllib.parse import urlencode

port, path = int(sys.argv[1]), sys.argv[2]
connection = http.client.HTTPConnection("127.0.0.1", port)
token = ""
count = 0
while True:
    query = {"limit": "500", **({"continue": token} if token else {})}
    connection.request("GET", f"{path}?{urlencode(query)}")
    page = json.loads(connection.getresponse().read())
    count += len(page["items"])
    token = page["metadata"].get("continue")
    if not token:
        break
print(count)
