"""What stands in for tensorflow_model_server and docker on PATH: it records what it is told and answers for status.

The file `behaviour.json` beside it says how: seconds until the models are loaded, an exit code, deafness to SIGTERM.
"""

import json
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent


def main(name: str, arguments: list[str]) -> None:
    behaviour = json.loads((HERE / "behaviour.json").read_text())
    record({"name": name, "arguments": arguments})
    if name == "docker" and arguments[0] != "run":
        docker(arguments, behaviour)
        return
    if behaviour.get("exit") is not None:
        print("a line of the log\nE cannot load the model", file=sys.stderr)
        sys.exit(behaviour["exit"])
    if behaviour.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    record({"pid": helper.pid})
    serve(rest_port(arguments), behaviour.get("seconds", 0.0))


def docker(arguments: list[str], behaviour: dict) -> None:
    command = arguments[0]
    if command == "info":
        print(behaviour.get("daemon", ""))
    elif command == "pull":
        print("manifest unknown", file=sys.stderr)
    sys.exit(
        {"info": 0 if behaviour.get("daemon") else 1, "image": behaviour.get("image", 0), "pull": 1}.get(command, 0)
    )


def record(entry: dict) -> None:
    for argument in entry.get("arguments", []):
        if argument.startswith("--model_config_file=") and Path(argument.partition("=")[2]).is_file():
            entry["config"] = Path(argument.partition("=")[2]).read_text()
    with (HERE / "record.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")


def rest_port(arguments: list[str]) -> int:
    for argument in arguments:
        if argument.startswith("--rest_api_port="):
            return int(argument.partition("=")[2])
        if argument.endswith(":8501"):
            return int(argument.partition(":")[0])
    raise SystemExit("no REST port")


def serve(port: int, seconds: float) -> None:
    ready = time.monotonic() + seconds

    class Status(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state = "AVAILABLE" if time.monotonic() > ready else "LOADING"
            answer = json.dumps({"model_version_status": [{"version": "1", "state": state, "status": {}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    ThreadingHTTPServer(("127.0.0.1", port), Status).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]).name, sys.argv[2:])
