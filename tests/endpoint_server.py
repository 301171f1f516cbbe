"""A server that speaks the chat protocol of OpenAI's API and stumbles on request: run as a process of its own.

What it does depends on words of the text it is asked about, so tests say it all.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-secret-of-the-test"
seen: dict[str, int] = {}
stats = {"questions": 0, "authorised": 0, "most_at_once": 0, "models": [], "systems": []}
now = {"open": 0}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self._send(200, stats)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        system, *turns = body["messages"]
        text = turns[0]["content"]
        with lock:
            stats["questions"] += 1
            stats["authorised"] += self.headers.get("Authorization") == f"Bearer {KEY}"
            stats["models"].append(body["model"])
            stats["systems"].append(system["content"])
            seen[text] = seen.get(text, 0) + 1
            now["open"] += 1
            stats["most_at_once"] = max(stats["most_at_once"], now["open"])
        try:
            self._answer(text, again=len(turns) > 1)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The client did not wait.
        finally:
            with lock:
                now["open"] -= 1

    def _answer(self, text, *, again):
        first = seen[text] == 1
        if self.path != "/v1/chat/completions":
            return self._send(404, {"error": f"no {self.path}"})
        if "refuse" in text:
            return self._send(401, {"error": f"bad key {self.headers.get('Authorization')}"})
        if "elsewhere" in text:
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/stolen")
            self.end_headers()
            return None
        if "busy" in text and seen[text] < 3:
            return self._send(429, {"error": "slow down"}, {"Retry-After": "0"})
        if "down" in text:
            return self._send(503, {"error": "down"})
        if "slow" in text and first:
            time.sleep(1.5)
        if "garbage" in text and first:
            return self._send(200, "<html>not JSON")
        if "array" in text and first:
            return self._send(200, [])
        if "nothing" in text and first:
            return self._send(200, {"choices": []})
        time.sleep(0.02)  # So that questions meet.
        return self._reply(text, again=again)

    def _reply(self, text, *, again):
        label = "lost_card" if "card" in text else "exchange rate" if "rate" in text else "other"
        if "chatty" in text and not again:
            label = f"I think that this is about {label}, because of the words."
        if "stubborn" in text:
            label = "no idea"
        if "quoted" in text:
            label = f'"{label}".'
        if "object" in text:
            label = json.dumps({"label": label})
        message = {"message": {"role": "assistant", "content": label}}
        return self._send(200, {"choices": [message], "usage": {"prompt_tokens": 100, "completion_tokens": 5}})

    def _send(self, status, content, headers=None):
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    sys.stdout.close()
    server.serve_forever()
