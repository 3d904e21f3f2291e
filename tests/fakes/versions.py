"""Differences between the versions of KoboldCpp."""

from __future__ import annotations

from dataclasses import dataclass

JSON = dict[str, object]


@dataclass(frozen=True, slots=True)
class Version:
    """One release, by the number that it reports."""

    text: str

    def since(self, release: str) -> bool:
        """Whether this version is *release* or a later one."""
        return _numbers(self.text) >= _numbers(release)

    @property
    def server_header(self) -> str:
        """The value of the ``Server`` header."""
        return "KoboldCppServer 1" if self.since("1.98") else "ConcedoLlamaForKoboldServer"

    @property
    def image_limit(self) -> int:
        """How many images of a request are used: the first ones, from 1.111 on the last ones."""
        return 16 if self.since("1.111") else 8 if self.since("1.82") else 4

    @property
    def waiting(self) -> int:
        """How many requests may wait beside the running one."""
        return 9 if self.since("1.113") else 10 if self.since("1.111.2") else 6

    @property
    def context_length(self) -> int:
        """Context of a server whose operator chose none."""
        return 16384 if self.since("1.115") else 8192 if self.since("1.96") else 4096

    @property
    def max_length(self) -> int:
        """Tokens of an answer to a request that names no limit."""
        steps = {"1.115": 2048, "1.109": 1024, "1.104": 896, "1.99": 768, "1.98": 640, "1.86.1": 512, "1.77": 200}
        return next((length for release, length in steps.items() if self.since(release)), 180)

    @property
    def clamped_side(self) -> int:
        """Longest side in pixels that the server keeps of a picture."""
        return 1024 if self.since("1.83") else 2048

    def longest_answer(self, context: int) -> int:
        """What a larger ``max_length`` is cut to."""
        return context - max(16, context // 5) if self.since("1.104") else context - 16

    def media_tokens(self, images: int) -> int:
        """Tokens of the texts that the server puts around images."""
        if not images:
            return 0
        if not self.since("1.96"):
            return 3 * images
        return 19 + 3 * images if self.since("1.115") else 18 + 19 * images

    def version_answer(self, *, protected: bool, llm: bool, vision: bool, admin: bool) -> JSON:
        """The answer of ``/api/extra/version``."""
        later = {
            "llm": ("1.82", llm),
            "txt2img": ("0", False),
            "vision": ("0", vision),
            "audio": ("1.96", False),
            "transcribe": ("0", False),
            "multiplayer": ("1.79", False),
            "websearch": ("1.81", False),
            "tts": ("1.82", False),
            "embeddings": ("1.87", False),
            "music": ("1.109", False),
            "savedata": ("1.85", False),
            "admin": ("1.83", (2 if protected else 1) if admin else 0),
            "router": ("1.110", False),
            "guidance": ("1.91", False),
            "jinja": ("1.102", False),
            "mcp": ("1.105.3", False),
        }
        fields: JSON = {"result": "KoboldCpp", "version": self.text, "protected": protected}
        return fields | {name: value for name, (release, value) in later.items() if self.since(release)}

    def result(self, text: str, finish_reason: str, prompt_tokens: int, completion_tokens: int) -> JSON:
        """The one entry of ``results``."""
        fields: JSON = {"text": text}
        if self.since("1.97.2"):
            fields["tool_calls"] = []
        fields["finish_reason"] = finish_reason
        if self.since("1.77"):
            fields |= {"logprobs": None, "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
        return fields


def _numbers(text: str) -> tuple[int, ...]:
    """The leading dotted numbers of a version, as numbers."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
