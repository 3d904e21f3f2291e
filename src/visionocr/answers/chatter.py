"""Knows what chat models say before and after the text that they were asked for, in five languages.

Only whole first lines that end in a colon, and whole last lines, are taken for chatter, and only when they speak
of the picture or of the transcription itself. "Here is the list:" may be the first line of a page.
"""

from __future__ import annotations

import re

_LONGEST = 240
"""Characters of a preamble. Longer first lines are text."""

_OPENER = (
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|yes|great|alright|natürlich|gerne?|klar"
    r"|selbstverständlich|sicher|bien sûr|certainement|d['’]accord|avec plaisir|¡?\s?claro(?: que sí)?"
    r"|por supuesto)\s?[!.,]*\s+|(?:好的|当然)[!.,，。！]*\s*)?"
)

# English
_HERE = r"(?:here(?:['’]s| is| are)|below is|the following is)"
_THE = r"(?:the|this|your|that)\s+(?:(?:provided|given|attached|uploaded|supplied|scanned|shared)\s+)?"
_PICTURE = rf"{_THE}(?:image|picture|photo(?:graph)?|screenshot|scan|page|document|file)s?"
_RESULT = (
    r"(?:transcription|transcribed (?:text|content|version|document|page)|(?:extracted|recognized) (?:text|content)"
    r"|ocr (?:text|output|result)s?)"
)
_ENGLISH = (
    rf"{_HERE}\s+(?:the|a|an|your|my)\s+(?:[\w-]+\s+){{0,3}}?{_RESULT}(?:,?\s+(?:of|from|in|for|as|with|you)\b[^\n:]*)?",
    rf"{_HERE}\s+[^\n:]{{0,40}}?\b(?:text|content|markdown)\b[^\n:]{{0,40}}?\b(?:from|in|of|on|for)\s+{_PICTURE}\b[^\n:]*",
    rf"{_HERE}\s+the\s+(?:transcript|text|markdown(?: version| text)?|text in markdown(?: format)?)",
    (
        rf"(?:the|all)\s+(?:visible\s+|full\s+)?(?:text|content|writing)\s+[^\n:]{{0,30}}?{_PICTURE}"
        r"\s+(?:reads?|says?|states?|is|can be transcribed)(?:\s+as follows|\s+the following|\s+as)?"
    ),
    rf"{_PICTURE}\s+(?:contains?|shows?|displays?|has|have|includes?|reads?|says?)\s+(?:only\s+)?(?:the\s+following|this)\s+text",
    rf"(?:the\s+)?(?:full\s+)?{_RESULT}(?:\s+(?:of|from)\s+{_PICTURE})?(?:\s+(?:is|reads)(?:\s+as follows)?)?",
)

_SEITE = r"(?:bild(?:e?s)?|seite|dokument(?:e?s)?|scans?|fotos?)"
_GERMAN = (
    (
        r"(?:hier\s+(?:ist|kommt|folgt|finden sie|sehen sie)|nachfolgend|im folgenden)\s+[^\n:]{0,40}?"
        r"(?:transkription|transkript|abschrift|(?:transkribierte|extrahierte|erkannte)r?\s+(?:text|inhalt))\b[^\n:]*"
    ),
    rf"hier\s+(?:ist|kommt|folgt)\s+[^\n:]{{0,40}}?\b(?:text|inhalt)\s+[^\n:]{{0,40}}?\b{_SEITE}\b[^\n:]*",
    (
        rf"der\s+text\s+(?:auf|in|im|aus|des|der)\s+[^\n:]{{0,30}}?\b{_SEITE}\s+(?:lautet|ist|besagt)"
        r"(?:\s+(?:wie folgt|folgendermaßen|folgender))?"
    ),
    rf"(?:das|dieses|die|diese)\s+{_SEITE}\s+(?:enthält|zeigt|hat)\s+(?:den\s+)?folgenden\s+text",
    r"(?:die\s+)?(?:transkription|extrahierter text)",
)
_FRENCH = (
    r"voici\s+[^\n:]{0,40}?(?:\btranscription|\btexte\s+(?:transcrit|extrait|reconnu))\b[^\n:]*",
    r"voici\s+le\s+(?:texte|contenu)\s+[^\n:]{0,40}?(?:image|page|document|photo|scan)\b[^\n:]*",
    (
        r"le\s+texte\s+(?:dans|de|sur|contenu dans)\s+[^\n:]{0,20}?(?:image|page|document|photo)\s+"
        r"(?:est|dit|indique|se lit)(?:\s+(?:le suivant|comme suit|ce qui suit))?"
    ),
    r"(?:l['’]image|la photo|la page|le document)\s+(?:contient|montre|affiche)\s+le\s+texte\s+suivant",
)
_SPANISH = (
    (
        r"(?:aquí\s+(?:está|tienes?|te dejo)|a continuación(?: se presenta| está)?)\s+[^\n:]{0,40}?"
        r"(?:transcripción|texto\s+(?:transcrito|extraído|reconocido))\b[^\n:]*"
    ),
    r"aquí\s+(?:está|tienes?)\s+el\s+(?:texto|contenido)\s+[^\n:]{0,40}?(?:imagen|página|documento|foto)\b[^\n:]*",
    r"el\s+texto\s+(?:de|en)\s+[^\n:]{0,20}?(?:imagen|página|documento|foto)\s+(?:es|dice)(?:\s+(?:el|lo) siguiente)?",
    r"(?:la imagen|la foto|la página|el documento)\s+(?:contiene|muestra)\s+el\s+siguiente\s+texto",
    r"(?:la\s+)?transcripción",
)
_CHINESE = (
    r"(?:以下|下面)是[^\n:：]{0,20}(?:图片|图像|文档|页面|转录|转写|识别)[^\n:：]{0,20}",
    r"(?:图片|图像|文档|页面)中的(?:文字|文本|内容)(?:如下|是|为)",
)
_PREAMBLE = re.compile(
    rf"[\s*_#>]*{_OPENER}[\s*_]*(?:{'|'.join((*_ENGLISH, *_GERMAN, *_FRENCH, *_SPANISH, *_CHINESE))})"
    r"\s?[*_]*[:：][*_]*[ \t]*(?:\n|\Z)",
    re.IGNORECASE,
)
_BARE_OPENER = re.compile(r"(?:sure|certainly|of course|absolutely)!\s*\Z", re.IGNORECASE)

_CLOSING = re.compile(
    r"(?:please\s+)?(?:let me know|feel free to (?:ask|let me know)|don['’]t hesitate to (?:ask|let me know)"
    r"|is there anything else|i hope (?:this|that)(?: \w+)? helps?|hope this helps"
    r"|if (?:you (?:need|have|want|would|['’]d)|you['’]d|there (?:is|are)))\b"
    r"|(?:bitte )?lassen sie (?:es )?mich wissen|ich hoffe, das hilft|n['’]hésitez pas|faites-moi savoir"
    r"|no dudes? en|házmelo saber|avísame",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_ABOUT_THE_WORK = re.compile(
    r"\b(?:transcri|transkri)|\b(?:with|about|from) (?:the|this) image\b|\bextracted text\b", re.IGNORECASE
)


def preamble_length(text: str) -> int:
    """How many characters at the start are the model's own words before the text; 0 when none."""
    done = 0
    while found := _PREAMBLE.match(text, done, done + _LONGEST):
        # The match may have ended because the window did: a preamble ends with its line.
        if found.end() < len(text) and text[found.end() - 1] != "\n":
            break
        done = found.end()
    return done


def closing_start(text: str, *, chatty: bool) -> int:
    """Where the model's own words after the text begin; ``len(text)`` when there are none.

    Letters end with "Let me know if you need anything else" too. So this counts only when the sentence speaks
    of the transcription or the image, or when the model is known to chat (``chatty``).
    """
    end = len(text)
    while body := text[:end].rstrip():
        start = body.rfind("\n") + 1
        last = body[start:].strip("*_ ")
        if len(last) > _LONGEST or not all(map(_CLOSING.match, _SENTENCE_END.split(last))):
            return end
        if not chatty and not _ABOUT_THE_WORK.search(last):
            return end
        end = start
    return 0


def is_chatter(text: str) -> bool:
    """Whether *text* is nothing but a model's announcement of what it is going to write."""
    rest = text[preamble_length(text) :].strip()
    return not rest or _BARE_OPENER.match(rest) is not None
