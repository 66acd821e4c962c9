"""aiokafka's `getmany` over the four topics, without any processing: the upper bound of the rate.

python bench/peers/bare_aiokafka.py BROKER GROUP RECORDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer


async def main(broker: str, group: str, records: int) -> None:
    consumer = AIOKafkaConsumer(
        "alarms",
        "assignments",
        "responses",
        "labels",
        bootstrap_servers=broker,
        group_id=group,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        seen, began = 0, 0.0
        while seen < records:
            batches = await consumer.getmany(timeout_ms=1000)
            began = began or (time.perf_counter() if batches else 0.0)
            seen += sum(len(batch) for batch in batches.values())
        await consumer.commit()
        seconds = time.perf_counter() - began
    finally:
        await consumer.stop()
    print(json.dumps({"records": seen, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
