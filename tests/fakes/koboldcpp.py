"""A fake KoboldCpp server on loopback that reads pictures with barcodes, fails on demand and records every request.

::

    from fakes import faults
    from fakes.koboldcpp import ANY, FakeKoboldCpp, fixed, page_text
    from fakes.pictures import make_pdf

    with FakeKoboldCpp(version="1.104", context=4096, image_tokens=fixed(576)) as server:
        make_pdf(tmp_path / "a.pdf", pages=9)
        server.plan[7] = [faults.Busy(3), faults.Null(), faults.Loop("rows")]   # the first five asks for page 7
        server.plan[8] = faults.Refusal()                                     # every ask for page 8
        server.plan[ANY] = lambda arrival: faults.Reset() if arrival.ask == 1 else None
        server.plan["/api/extra/tokencount"] = faults.Html(502)
        ...                                                                  # read a.pdf with server.url
        assert page_text(7) in text
        assert server.asked[7] == 6
        assert server.most_at_once == 1 and not server.keyless_aborts and not server.reused_keys

Arguments (all by keyword, all with defaults): ``version`` any release number ("1.115.1"); ``model``; ``vision``;
``llm``; ``context``; ``password``; ``admin_password``; ``multiuser`` (``--multiuser``, 0: no queue);
``max_length`` (``--defaultgenamt``); ``genlimit``; ``ratelimit`` (seconds); ``gendefaults``; ``visionmaxres``;
``max_body`` (bytes); ``image_tokens`` (``squares(28)`` or ``fixed(576)``: width, height -> tokens); ``text_of``
(number -> text, ``page_text``); ``service_seconds`` (time of a generation); ``linger`` (seconds that the lock is kept
after an answer, 0.05 in reality); ``threads`` (connections served at once, 24); ``port`` (0: any
free one); ``clock``.

Output: a picture whose barcode is *n* reads ``page_text(n)``; several are joined by an empty line, each under
``=== PAGE i ===`` when the prompt shows such a mark; a picture without a readable number reads ``UNREADABLE``; without
a picture there is unrelated text. The answer begins with a blank, as it does in reality.

``plan``: a page number (of any image of the request; the first planned one counts), ``None`` (a request without
numbers), ``ANY`` or an address's ending, to a fault (every time), a list (one after the other, then normal; ``None``
in it: normal once) or a function of the ``Arrival`` that gives a fault or ``None``. Faults: see ``fakes.faults``. At
addresses other than generate only ``ServerFault`` and ``TransportFault`` have an effect.

Record: ``requests`` (``Arrival``: method, path, headers by lower-case name, body, size, seconds, numbers, ask, prompt
as the model saw it, seen, status), ``generated`` (only generate), ``asked[number]``, ``most_at_once`` (running and
waiting), ``waiting``, ``running`` (key of the current generation or ``None``), ``abort_keys``, ``keyless_aborts``,
``genkeys``, ``reused_keys``, ``open_connections``, ``most_connections``, ``dead``.

Control: ``release()`` lets a ``Hang`` go on; ``wait_for(lambda: server.waiting == 2)`` blocks without sleeping;
``die()``; ``close()``. An error of the fake itself is raised at the end of the ``with`` block.
"""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TypeAlias

from fakes import answers, engine
from fakes.answers import Answer, json_answer
from fakes.faults import Fault, ModelOutput, ModelRequest, OutputFault, ServerFault, TransportFault
from fakes.loopback import Arrival, Loopback
from fakes.server_state import Job, ServerState
from fakes.versions import Version
from fakes.vision import EncodedImages, ImageTokens, ProcessDiedError, Projector, decode, fixed, squares
from fakes.words import page_text, token_ids, tokens, unrelated_text

__all__ = ["ANY", "UNREADABLE", "Arrival", "FakeKoboldCpp", "fixed", "page_text", "squares"]

ANY = "*"
"""Key of ``plan`` for every generate request."""
UNREADABLE = "There is nothing on this page that can be read."
"""The text of a picture without a number."""
NO_LOCK = ("/api/extra/tokencount", "/api/extra/generate/check", "/api/extra/abort")
GENERATE = ("/api/v1/generate", "/api/latest/generate")

Step: TypeAlias = Fault | Callable[[Arrival], Fault | None] | None
Plan: TypeAlias = dict[Hashable, Step | list[Step]]


class FakeKoboldCpp(Loopback):
    """The server; see the module's text."""

    def __init__(
        self,
        *,
        version: str = "1.115.1",
        model: str = "tiny-vision",
        vision: bool = True,
        llm: bool = True,
        context: int | None = None,
        password: str = "",
        admin_password: str = "",
        multiuser: int | None = None,
        max_length: int | None = None,
        genlimit: int = 0,
        ratelimit: int = 0,
        gendefaults: Mapping[str, object] | None = None,
        visionmaxres: int | None = None,
        max_body: int = 32 * 2**20,
        image_tokens: ImageTokens | None = None,
        text_of: Callable[[int], str] = page_text,
        chat_template: str = "{{ messages }}<|im_start|>assistant<|im_end|>",
        service_seconds: float = 0.0,
        linger: float = 0.0,
        threads: int = 24,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.version = Version(version)
        self.model = model
        self.vision = vision
        self.llm = llm
        self.context = context or self.version.context_length
        self.password = password
        self.admin_password = admin_password if self.version.since("1.110") else ""
        self.max_length = max_length or self.version.max_length
        self.genlimit = genlimit
        self.ratelimit = ratelimit
        self.gendefaults = dict(gendefaults or {}) if self.version.since("1.100") else {}
        self.text_of = text_of
        self.chat_template = chat_template
        self.service_seconds = service_seconds
        self.linger = linger
        self.clock = clock
        self.plan: Plan = {}
        self.asked: Counter[int | None] = Counter()
        self.genkeys: list[str] = []
        kept = min(max(visionmaxres, 512), 2048) if visionmaxres else self.version.clamped_side
        self._projector = Projector(self.version, kept, image_tokens or squares())
        self._last_request = float("-inf")
        self._began = time.monotonic()
        self._last: dict[str, int] = {"tokens": 0, "input": 0, "seed": -1, "gens": 0, "stop": -1}
        self.server_header = self.version.server_header
        self.takes_chunks = self.version.since("1.79")
        self.max_body = max_body
        waiting = self.version.waiting if multiuser in (None, 1) else max(0, (multiuser or 0) - 1)
        super().__init__(threads=threads, port=port)
        self.state = ServerState(self.condition, self.closing, waiting)
        self.start()

    # -- the record

    @property
    def generated(self) -> list[Arrival]:
        """The generate requests, in order of arrival."""
        with self.condition:
            return [arrival for arrival in self.requests if self._ending(arrival) in GENERATE]

    @property
    def most_at_once(self) -> int:
        """Largest number of requests that ran or waited at the same time."""
        return self.state.most_at_once

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self.state.waiting

    @property
    def running(self) -> str | None:
        """Key of the generation under way, ``None`` when there is none."""
        return self.state.job.key if self.state.job else None

    @property
    def abort_keys(self) -> list[str]:
        """Keys of the aborts that came; empty for one without."""
        return self.state.abort_keys

    @property
    def keyless_aborts(self) -> int:
        """Aborts without a key: they hit anybody's request."""
        return self.abort_keys.count("")

    @property
    def reused_keys(self) -> list[str]:
        """Keys that more than one generate request carried."""
        return [key for key, count in Counter(self.genkeys).items() if count > 1]

    def release(self) -> None:
        """Let a hanging generation go on to its end."""
        self.state.release()

    # -- routing

    def answer(self, arrival: Arrival) -> Answer:
        """What to answer."""
        ending = self._ending(arrival)
        generating = arrival.method == "POST" and ending in GENERATE
        if generating:
            self._record(arrival)
        fault = self._next_fault([*arrival.numbers, *([None] if not arrival.numbers else []), ANY], arrival, generating)
        if isinstance(fault, ServerFault):
            if generating and fault.answer is answers.DEATH:
                self.state.acquire(arrival)  # a picture crashes the server at its turn: earlier ones are served
            return fault.answer
        answer = self._good_answer(arrival, ending, fault)
        return fault.corrupt(answer) if isinstance(fault, TransportFault) else answer

    def _good_answer(self, arrival: Arrival, ending: str, fault: Fault | None) -> Answer:
        if arrival.method in ("HEAD", "OPTIONS"):
            return Answer(content_type="text/html")
        if arrival.method == "GET":
            return self._get(arrival, ending)
        if self.max_body is not None and arrival.size > self.max_body:
            return answers.TOO_BIG
        if ending in NO_LOCK:
            return self._answer_without_lock(arrival, ending)
        if self._is_rate_limited():
            return answers.rate_limited(int(self._last_request + self.ratelimit - self.clock()))
        if not self.state.acquire(arrival):
            return answers.BUSY
        try:
            return self._answer_with_lock(arrival, ending, fault)
        finally:
            if not self.linger:
                self.state.release_lock(arrival)

    def after_answer(self, arrival: Arrival) -> None:
        """Release the lock, ``linger`` seconds late."""
        if self.linger and self.state.active is arrival:
            self.closing.wait(self.linger)
        self.state.release_lock(arrival)

    def _ending(self, arrival: Arrival) -> str:
        """The known address that the path ends with, or the path."""
        path, _, query = arrival.path.partition("?")
        path = path if self.version.since("1.115") or not query else arrival.path
        path = path.rstrip("/")
        known = (*GENERATE, *NO_LOCK, *self._getters())
        return next((ending for ending in known if path.endswith(ending)), path)

    def _record(self, arrival: Arrival) -> None:
        """Record the pictures and the key of a generate request."""
        body = arrival.body if isinstance(arrival.body, dict) else {}
        images = body.get("images")
        if isinstance(images, list):
            pictures = [decode(image) if isinstance(image, str) else None for image in images]
            arrival.numbers = tuple(picture.number if picture else None for picture in pictures)
        with self.condition:
            for number in set(arrival.numbers) or {None}:
                self.asked[number] += 1
            arrival.ask = self.asked[arrival.numbers[0] if arrival.numbers else None]
            if body.get("genkey"):
                self.genkeys.append(str(body["genkey"]))
            self.condition.notify_all()

    def _next_fault(self, keys: list[Hashable], arrival: Arrival, generating: bool) -> Fault | None:
        """Take the next step of the plan for this request."""
        path = arrival.path.partition("?")[0].rstrip("/")
        with self.condition:
            endings = [key for key in self.plan if isinstance(key, str) and key != ANY and path.endswith(key)]
            for key in [*(keys if generating else []), *endings]:
                steps = self.plan.get(key, [])
                if isinstance(steps, list):
                    if not steps:
                        continue
                    step = steps.pop(0)
                    if isinstance(step, ServerFault) and step.times > 1:
                        steps.insert(0, replace(step, times=step.times - 1))
                else:
                    step = steps
                fault = step(arrival) if callable(step) else step
                if fault is not None or isinstance(steps, list):
                    return fault
        return None

    # -- without the lock

    def _allowed(self, arrival: Arrival) -> bool:
        keys = [key for key in (self.password, self.admin_password) if key]
        return not self.password or arrival.headers.get("authorization") in [f"Bearer {key}" for key in keys]

    def _is_rate_limited(self) -> bool:
        if not (self.ratelimit and self.version.since("1.99")):
            return False
        with self.condition:
            if self.clock() < self._last_request + self.ratelimit:
                return True
            self._last_request = self.clock()
            return False

    def _getters(self) -> dict[str, Callable[[Arrival], object]]:
        """Addresses of GET requests with their values."""
        name = "inactive" if not self.llm else f"koboldcpp/{self.model}"
        shown = "koboldcpp/protected-model"
        getters: dict[str, Callable[[Arrival], object]] = {
            "/api/v1/model": lambda arrival: {"result": name if self._allowed(arrival) else shown},
            "/api/latest/model": lambda arrival: {"result": name if self._allowed(arrival) else shown},
            "/api/v1/info/version": lambda _: {"result": "1.2.5"},
            "/api/extra/version": lambda _: self._version_answer(),
            "/api/extra/true_max_context_length": lambda _: {"value": self.context},
            "/api/v1/config/max_context_length": lambda _: {"value": min(self.context, 4096)},
            "/api/v1/config/max_length": lambda _: {"value": 1024 if self.version.since("1.77") else 400},
            "/api/extra/perf": lambda _: self._perf(),
            "/v1/models": lambda _: {"object": "list", "data": [{"id": name, "object": "model", "created": 1}]},
        }
        if self.version.since("1.78"):
            getters["/.well-known/serviceinfo"] = lambda _: {"version": 0.2, "software": {"name": "KoboldCpp"}}
        if self.version.since("1.79"):
            getters["/props"] = lambda _: self._props()
        return getters

    def _get(self, arrival: Arrival, ending: str) -> Answer:
        getter = self._getters().get(ending)
        if getter:
            return json_answer(getter(arrival))
        if ending == "/api/extra/generate/check":
            return self._answer_without_lock(arrival, ending)
        if ending == "/api":
            return Answer(302, headers=(("Location", "/api/docs"),))
        message = "Error: HTTP Server is running, but this endpoint does not exist. Please check the URL."
        if self.version.since("1.98"):
            message = (
                "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist. Please check the URL and"
                f' METHOD.<br><a href="/api">[Read API documentation here]</a><br><br>Current path: {arrival.path}'
            )
        return Answer(404, message.encode(), "text/html")

    def _version_answer(self) -> object:
        return self.version.version_answer(
            protected=bool(self.password), llm=self.llm, vision=self.vision, admin=bool(self.admin_password)
        )

    def _props(self) -> object:
        return {
            "chat_template": self.chat_template,
            "default_generation_settings": {"n_ctx": self.context},
            "n_ctx": self.context,
            "modalities": {"vision": self.vision, "audio": False},
        }

    def _perf(self) -> object:
        with self.condition:
            last, now = self._last, time.monotonic() - self._began
            fields: dict[str, object] = {"last_process": 0.0, "last_eval": 0.0, "last_token_count": last["tokens"]}
            if self.version.since("1.94"):
                fields |= {"last_input_count": last["input"], "last_process_time": 0.0, "last_eval_time": 0.0}
                fields |= {"last_process_speed": 0, "last_eval_speed": 0}
            fields["last_seed"] = last["seed"]
            if self.version.since("1.86"):
                fields |= {"last_draft_success": 0, "last_draft_failed": 0}
            fields |= {"total_gens": last["gens"], "stop_reason": last["stop"], "total_img_gens": 0}
            if self.version.since("1.86"):
                fields |= {"total_tts_gens": 0, "total_transcribe_gens": 0}
            idle = int(self.state.active is None)
            fields |= {"queue": self.waiting, "idle": idle, "hordeexitcounter": -1, "uptime": now, "idletime": now}
        return fields | {"quiet": True}

    def _answer_without_lock(self, arrival: Arrival, ending: str) -> Answer:
        """Token count, check and abort."""
        if not self._allowed(arrival):
            return answers.UNAUTHORIZED
        body = arrival.body if isinstance(arrival.body, dict) else {}
        if ending == "/api/extra/tokencount":
            if not arrival.is_json:
                return json_answer({"value": -1}, 400, measured=True)
            ids = token_ids(str(body.get("prompt", "")))
            echo = {"prompt": body.get("prompt", "")} if self.version.since("1.115") else {}
            return json_answer({"value": len(ids), "ids": ids, **echo})
        key = str(body.get("genkey", ""))
        if ending == "/api/extra/abort":
            return json_answer(self.state.abort(key))
        return json_answer({"results": [{"text": self.state.check(key)}]})

    # -- with the lock

    def _answer_with_lock(self, arrival: Arrival, ending: str, fault: Fault | None) -> Answer:
        if ending not in GENERATE:
            return Answer(404, content_type="text/html")
        if not self._allowed(arrival):
            return answers.UNAUTHORIZED
        if not arrival.is_json:
            return answers.BAD_INPUT
        if not isinstance(arrival.body, dict):
            return answers.SILENCE
        try:
            reader = engine.RequestReader(self.version, {**self.gendefaults, **arrival.body})
            params = reader.params(self.context, self.max_length, self.genlimit, self.clock())
            return self._generate(arrival, params, fault if isinstance(fault, OutputFault) else OutputFault())
        except engine.NullAnswerError:
            return answers.NULL
        except engine.NoAnswerError:
            return answers.SILENCE
        except ProcessDiedError:
            return answers.DEATH

    def _generate(self, arrival: Arrival, params: engine.Params, fault: OutputFault) -> Answer:
        if self.state.take_pending_abort(params.key):
            return self._result("", engine.LIMIT, 0, 0, params.seed)
        free_tokens = params.context - params.max_length - 4
        images = self._projector.encode(params.images, free_tokens) if self.vision else EncodedImages()
        if images.failed or not self.llm:
            return self._result("", engine.ERROR, 0, 0, params.seed)
        output, images, prompt, prompt_tokens = self._run_model(images, params, fault)
        arrival.prompt, arrival.seen = prompt, images.numbers
        if output.failed:
            reason = engine.ERROR if output.failed == "error" else engine.LIMIT
            return self._result("", reason, 0, 0, params.seed)
        outcome = engine.generate(output, params)
        if output.cut is not None:
            outcome = outcome.until(output.cut)
        outcome = self.state.run(Job(params.key, outcome, output.hang, self.service_seconds + output.seconds))
        return self._result(
            outcome.text,
            outcome.stop_reason,
            prompt_tokens,
            outcome.tokens,
            params.seed,
            engine.logprobs(outcome.pieces, self.version) if params.logprobs else None,
        )

    def _run_model(
        self, images: EncodedImages, params: engine.Params, fault: OutputFault
    ) -> tuple[ModelOutput, EncodedImages, str, int]:
        """The output, the images used, the prompt as the model got it, and the number of tokens of both."""
        for seen in (images, EncodedImages()):
            media = seen.tokens + self.version.media_tokens(len(seen.pictures))
            prompt = engine.shorten(params.text, params.context - params.max_length - 2 - media)
            random = 0 if params.greedy else params.seed
            if seen.pictures:
                texts = [UNREADABLE if number is None else self.text_of(number) for number in seen.numbers]
                text = engine.transcript(texts, prompt)
            else:
                text = unrelated_text(zlib.crc32(prompt.encode("utf-8", "replace")) + random)
            output = fault.apply(ModelRequest(text, seen.numbers, prompt, random))
            if not (output.blind and seen.pictures):
                break
        return output, seen, prompt, 1 + len(tokens(prompt)) + media

    def _result(
        self,
        text: str,
        stop_reason: int,
        prompt_tokens: int,
        completion_tokens: int,
        seed: int,
        logprobs: object = None,
    ) -> Answer:
        """The answer; its figures are kept for ``/api/extra/perf``."""
        finish = "stop" if stop_reason == engine.END_TOKEN else "length"
        if stop_reason == engine.ERROR and self.version.since("1.107.2"):
            finish = "error"
        with self.condition:
            gens = self._last["gens"] + 1
            numbers = (completion_tokens, prompt_tokens, seed, gens, stop_reason)
            self._last = dict(zip(self._last, numbers, strict=True))
        result = self.version.result(text, finish, prompt_tokens, completion_tokens)
        if logprobs is not None:
            result["logprobs"] = logprobs
        return json_answer({"results": [result]})
