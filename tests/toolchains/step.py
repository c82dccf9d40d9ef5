"""A step in Python: takes the domain of an address, and greets by a call."""

import json

import wit_world
from componentize_py_types import Err
from wit_world.imports import console, data, task


class WitWorld(wit_world.WitWorld):
    def condition(self) -> str:
        return json.dumps({"email": {"$type": "string"}})

    def run(self) -> None:
        email = json.loads(data.get("/email"))
        if "@" not in email:
            raise Err(wit_world.Failure_Stop(f"{email} is no address"))
        if email.startswith("nobody@"):
            raise ValueError("nobody has no domain")
        data.set("/domain", json.dumps(email.split("@")[1]))
        task.set_name(email)
        console.write(console.Level.LOG, f"a message from {email}")
