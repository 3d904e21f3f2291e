"""Knows how models say that they will not or cannot read a picture, in five languages.

Letters begin with "I am sorry, but I cannot" as well: what counts is that the sentence goes on with the picture,
its text, or "help with that".
"""

from __future__ import annotations

import re

LONGEST = 400
"""Characters of a refusal. Longer answers that begin like one are letters, or do the work after all."""

_SORRY = (
    r"(?:(?:(?:i['’]?m|i am) (?:(?:really|very|so) )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)"
    r"[,.;!]?\s+(?:but )?)?"
)
_CANNOT = r"(?:i (?:cannot|can not|can['’]?t|won['’]t)|(?:i am|i['’]m) (?:unable|not able) to)"
_SEE = (
    r"(?:be able to )?(?:directly )?(?:view|see|read|transcribe|process|access|analy[sz]e|interpret|identify"
    r"|extract|recogni[sz]e|make out|provide|perform|open)"
)
_IMAGE = r"(?:images?|pictures?|photos?|screenshots?|scans?|attachments?)"
_READABLE = rf"(?:{_IMAGE}|text|handwriting|people|transcription|ocr|(?:attached|provided|uploaded) \w+)"
_ENGLISH = (
    rf"{_SORRY}{_CANNOT} (?:assist|help)(?: you)?(?: with)?(?: (?:that|this|your) ?(?:request|image)?)?\s*(?:[.!,]|\Z)",
    rf"{_SORRY}{_CANNOT} (?:assist|help)(?: you)? (?:with|in) [^.\n]{{0,60}}?\b{_READABLE}\b",
    rf"{_SORRY}{_CANNOT} {_SEE}\b[^.\n]{{0,80}}?\b{_READABLE}\b",
    rf"{_SORRY}(?:there (?:is|are|was|were) no|i (?:do not|don['’]t) see (?:an|any|the)) (?:attached )?{_IMAGE}\b",
    rf"no {_IMAGE} (?:is|was|were|has been|have been) (?:attached|provided|uploaded|shared|included)",
    (
        rf"(?:please|could you(?: please)?) (?:provide|upload|attach|share) [^.\n]{{0,30}}{_IMAGE}"
        r"[^.\n]{0,60}\bi(?:['’]ll| can| will)\b"
    ),
    r"as (?:an? )?(?:text[- ]based |large )?(?:ai|language)[ -](?:language )?(?:model|assistant)",
    r"(?:i['’]m|i am) (?:just |only )?an? (?:ai|text-based|(?:large )?language)[ -][^.\n]{0,30}?(?:model|assistant)",
    r"unable to (?:read|view|see|process|transcribe|access|open)\b",
    (
        r"the (?:image|picture|photo|text|scan)(?: in the (?:image|picture|photo))? (?:is|appears)(?: to be)?"
        r" (?:too (?:blurry|blurred|small|unclear|dark|low)|illegible|unreadable)\b"
    ),
)
_GERMAN = (
    (
        r"(?:(?:es )?tut mir leid|leider)[,.;!]? (?:aber )?(?:ich )?(?:kann|konnte) (?:ich )?[^.\n]{0,60}?"
        r"(?:\bbild|foto|\btext\b|dabei (?:nicht )?helfen|nicht weiterhelfen)"
    ),
    (
        r"ich kann (?:leider )?(?:keine?|das|dieses) (?:bild|foto)[^.\n]{0,40}?"
        r"(?:sehen|anzeigen|lesen|öffnen|erkennen|verarbeiten)"
    ),
    r"als (?:eine? )?(?:ki|künstliche intelligenz|sprachmodell)(?:[- ]\w+)? (?:kann|bin|habe)\b",
    r"(?:es (?:ist|wurde)|ich sehe) kein bild\b",
)
_FRENCH = (
    (
        r"(?:je suis |malheureusement |désolée?)*[,.;!]? ?(?:mais )?je ne peux pas [^.\n]{0,60}?"
        r"(?:image|photo|\btexte|vous aider)"
    ),
    r"je ne (?:vois pas|vois aucune|peux pas voir) [^.\n]{0,20}?image",
    r"en tant qu(?:e |['’])(?:une? )?(?:ia|intelligence artificielle|assistant|modèle de langage)\b[^.\n]{0,20}, je",
    r"(?:il n['’]y a )?aucune image (?:n['’]|jointe|fournie|attachée)",
)
_SPANISH = (
    r"lo siento[,.;!]? (?:pero )?no puedo [^.\n]{0,60}?(?:imagen|imágenes|foto|\btexto|ayudar)",
    r"no puedo (?:ver|leer|procesar|analizar|acceder)[^.\n]{0,20}?(?:imagen|imágenes|foto)",
    r"como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente de ia)\b[^.\n]{0,20}, no",
    r"no (?:hay|veo) ninguna imagen",
)
_CHINESE = (
    r"(?:非常|很)?(?:抱歉|对不起)[^。\n]{0,30}?(?:无法|不能|没有)[^。\n]{0,30}?(?:图|文字|识别|查看|协助|帮)",
    r"我?(?:无法|不能)(?:直接)?(?:查看|看到|识别|读取|访问|处理)[^。\n]{0,20}?图",
    r"作为(?:一个|一名)?(?:AI|人工智能|语言模型)[^。\n]{0,20}我",
    r"我?(?:没有|未)(?:看到|提供|收到)[^。\n]{0,10}?图",
)
_NOTHING_THERE = (
    r"there (?:is|are) no (?:(?:visible|readable|legible) )?(?:text|words) (?:in|on|visible|present|to)\b",
    r"(?:the|this) (?:image|picture|page|scan) (?:does not|doesn['’]t) (?:contain|have|show|include) any (?:\w+ )?text",
    r"(?:the|this) (?:image|page|scan) (?:is|appears to be|seems to be) (?:\w+ )?(?:blank|empty)\b",
    r"(?:das bild|die seite) (?:enthält|zeigt) keinen text",
    r"l['’]image ne contient (?:pas de|aucun) texte",
    r"la imagen no contiene (?:ningún )?texto",
    r"图[片像]中没有",
)


def _beginning(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern that matches, behind decoration, where a text begins with one of *patterns*."""
    return re.compile(rf"[\W_]*(?:{'|'.join(patterns)})", re.IGNORECASE)


_REFUSAL = _beginning((*_ENGLISH, *_GERMAN, *_FRENCH, *_SPANISH, *_CHINESE))
_NOTHING = _beginning(_NOTHING_THERE)


def is_refusal(text: str) -> bool:
    """Whether a short answer begins like a refusal."""
    return len(text) < LONGEST and _REFUSAL.match(text) is not None


def says_nothing_there(text: str) -> bool:
    """Whether a short answer says that there is no text, in place of being empty."""
    return len(text) < LONGEST and _NOTHING.match(text) is not None
