"""python-gsmmodem-new's own GsmModem as a sender: ``python -m tests.bench.gsmmodem_child PORT``, JSON lines [number, text] on stdin."""

from __future__ import annotations

import json
import sys

from gsmmodem.modem import GsmModem


def main() -> None:
    modem = GsmModem(sys.argv[1], 115200, smsReceivedCallbackFunc=lambda _sms: None)
    modem.connect()
    try:
        for line in sys.stdin:
            number, text = json.loads(line)
            modem.sendSms(number, text)
    finally:
        modem.close()


if __name__ == "__main__":
    main()
