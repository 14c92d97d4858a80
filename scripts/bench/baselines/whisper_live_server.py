"""
Start WhisperLive's server, whose package has no command to do so.

    python whisper_live_server.py -fw FOLDER [--port PORT]

Everything is as its repository's `run_server.py` has it by default: faster-whisper in
int8, one model for every client, at most four clients, and one OpenMP thread unless
the variable OMP_NUM_THREADS says otherwise. Only two things differ: it listens on this
machine alone, and a client may stay for an hour, so that no long clip is cut off.
"""

import argparse
import os


CONNECTION_S = 3600


def main() -> None:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(description="Start WhisperLive's server.")
    parser.add_argument("-fw", dest="folder", required=True, help="CTranslate2 model")
    parser.add_argument("--port", type=int, default=9090)
    args = parser.parse_args()
    # CTranslate2 reads it when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from whisper_live.server import TranscriptionServer

    TranscriptionServer().run(
        "127.0.0.1",
        port=args.port,
        backend="faster_whisper",
        faster_whisper_custom_model_path=args.folder,
        single_model=True,
        max_clients=4,
        max_connection_time=CONNECTION_S,
    )


if __name__ == "__main__":
    main()
