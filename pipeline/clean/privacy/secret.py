"""Passwords and keys."""

import re

HINT = re.compile(r"[0-9=:：@#$%^&*+~]")
CUE = re.compile(
    r"passw|passphrase|passcode|passe?(?![a-z])|pwd?(?![a-z])|pins?(?![a-z])|secret|token|keys?(?![a-z])|kennwort|contrase|senha"
    r"|wachtwoord|парол|密码|bearer|-----begin|a[ks]ia[0-9a-z]{16}|aiza|gh[pousr]_|pat[_-]|xox[abpr]-|sk[-_]|hf_|npm_|eyj"
    r"|://[^\s/@:]+:|mysql|mariadb|sshpass|mongo|docker|redis-cli|curl"
)
"""The cheap tests: no secret is without one of each (cues in small letters)."""

BREAK, BASE64 = r"(?:\\n|\s)", "[A-Za-z0-9+/=]"
PEM = (
    rf"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:{BREAK}{{1,4}}{BASE64}{{16,}})+"
    rf"(?:{BREAK}{{0,4}}{BASE64}{{0,80}}{BREAK}{{0,4}}-----END [A-Z ]*PRIVATE KEY-----)?"
)
KNOWN = re.compile(
    rf"{PEM}|\b(?:AKIA|ASIA)[0-9A-Z]{{16}}\b|\bAIza[\w-]{{35}}|\bgh[pousr]_[A-Za-z0-9]{{36,}}|\bgithub_pat_\w{{22,}}"
    r"|\bxox[abpr]-[\w-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\b[rs]k_live_[A-Za-z0-9]{16,}|\bglpat-[\w-]{20,}"
    r"|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}|(?i:(?<=bearer ))(?=[A-Za-z._~+/-]*\d)[\w.~+/-]{20,}=*"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
)
"""Keys that show what they are: PEM, AWS, Google, GitHub, Slack, OpenAI, Stripe, GitLab, Hugging Face and npm;
bearer and JSON Web Tokens."""
DOCUMENTED = frozenset({"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
"""The key and the secret that the documentation of AWS shows (IAM User Guide), which open nothing."""

IN_URL = re.compile(r"://([^\s/@:]+):(?!\1@)([^\s/@]+)@")
"""user:password@ in an address, unless both are one word, as in every tutorial."""
COMMAND = re.compile(
    r"\b(?:mysql\w*|mariadb[\w-]*)\b[^\n|;&`]{0,80}?\s-p['\"]?([^\s'\"`]{4,80})"
    r"|\b(?:sshpass|docker login|mongo\w*)\b[^\n|;&`]{0,80}?\s-p\s?['\"]?([^\s'\"`]{4,80})"
    r"|(?<!\S)--?(?:password|passwd|passphrase|passwort|pass|pwd|token|secret|api-?key|auth-?token)\s['\"]?([^\s'\"`-][^\s'\"`]{3,80})"
    r"|\bredis-cli\b[^\n|;&`]{0,80}?\s-a\s['\"]?([^\s'\"`]{4,80})"
    r"|\bcurl\b[^\n|;&`]{0,80}?\s(?:-u|--user)\s?['\"]?[^\s:'\"`]{1,40}:([^\s'\"`]{4,80})"
)
"""A password among a command's arguments: mysql -pVALUE, sshpass -p VALUE, --token VALUE, curl -u name:VALUE."""
NAMED = (
    r"(?:(?:pass(?:word|wd|phrase|code|wort)|kennwort|contraseña|mot de passe|senha|wachtwoord|пароль|密码"
    r"|(?<![a-z])pwd?|(?<![a-z])pass(?=[\"']?\s{0,2}[:=])|(?<![a-z])pin(?: code| number)?|api[ _-]?key|access[ _-]?key"
    r"|secret(?:[ _-]?key)?|(?:auth|access|bearer)[ _-]?token)s?)"
)
ASSIGNED = re.compile(
    rf"({NAMED})[\"']?\s{{0,2}}(?:=>?|:|：)\s{{0,2}}(?:[\"']([^\"'\s]{{4,80}})[\"']|([^\s\"',;()<>]{{4,80}})(?![\w(]))",
    re.IGNORECASE,
)
TOLD = re.compile(
    rf"\b({NAMED}) (?:is|was|to|ist|es|é|est)(?: now)?:? "
    rf"(?:[\"']([^\"'\s]{{4,80}})[\"']|([^\s\"',;()<>]{{4,80}})(?![\w(]))",
    re.IGNORECASE,
)
REFERENCE = re.compile(
    r"^[$%{<*\[=>~:&|@#/\\-]|^\w+[\[(]|==|\$[({]|%\(|\{\{|\*{3}|x{4}|\.{3}|://|^(?:os|self|this|conf|config|var|env|process|settings|data|params|args"
    r"|user|req|request|form|ctx|props|state)[.\[]"
    r"|(?<![a-z])(?:pass(?:word|wd)?|secrets?|tokens?|keys?|your|example|name|none|null|true|false|undefined|string|str)(?![a-z\d])"
    r"|\.(?:json|ya?ml|pem|txt|py|env|crt|key|jsx?|tsx?|conf|cfg|ini|xml|csv|html?|md|pdf)$",
    re.IGNORECASE,
)
"""Where a value stands for another: $NAME, {{ name }}, ****, xxxx, os.environ[...], "password", a file, an operator."""
NO_PASSWORD = re.compile(rf"{REFERENCE.pattern}|^(?:host(?:name)?|user(?:name)?|prefix|port)$", re.IGNORECASE)
TECHNICAL = re.compile(
    r"(?:aes|sha|rsa|md|utf|tls|ssl|https?|ipv|hmac|ecdsa|ed|x|oauth|base|s?crypt|bcrypt|argon|pbkdf|des|rc|[hrep]s|u?int"
    r"|(?:var)?char|v|ver|version|python|php|java|web|h|win)[-_ ]?\d{1,5}\w{0,4}"
    r"|\d+-?(?:to-?)?\d*-?(?:bits?|bytes?|chars?|characters?|digits?|letters?|words?|min(?:ute)?s?|days?|hours?|fa|x|st|nd"
    r"|rd|th)|\d{1,3}-\d{1,3}|\d+\.\d[\d.]*|0x[0-9a-f]{1,4}",
    re.IGNORECASE,
)
"""Algorithms, versions and lengths, which mix letters with digits as well: "sha1", "8-16", "256-bit"."""
PIN, PASSWORD = re.compile(r"pin", re.IGNORECASE), re.compile(r"(?:pass|pw|kenn|contra|senha)", re.IGNORECASE)


def find_secrets(text: str) -> list[tuple[int, int]]:
    """(start, end) of keys of known makes, passwords in addresses, and values given to a password or key.

    A value must mix letters with digits or symbols, or be digits, so "password is wrong" is none; a program's password
    in quotation marks may be of letters alone, but not one word with a capital ("Passwort"), which is a label.
    """
    if not HINT.search(text):
        return []
    if not CUE.search(text.lower()):
        return []
    found = [m.span() for m in KNOWN.finditer(text)]
    found += [m.span(2) for m in IN_URL.finditer(text) if not NO_PASSWORD.search(m.group(2))]
    for match in COMMAND.finditer(text):
        group = match.lastindex or 1
        if not NO_PASSWORD.search(match.group(group)) and _mixed(match.group(group)):
            found.append(match.span(group))
    for pattern in (ASSIGNED, TOLD):
        for match in pattern.finditer(text):
            group = 2 if match.group(2) else 3
            value = match.group(group).rstrip(".!?")
            if _is_value(match.group(1), value, quoted=group == 2 and pattern is ASSIGNED):
                found.append((match.start(group), match.start(group) + len(value)))
    return [(start, end) for start, end in found if end > start and text[start:end] not in DOCUMENTED]


def _is_value(name: str, value: str, quoted: bool) -> bool:
    """Whether this is the value itself, of a thing of that name. quoted: in quotation marks, as a program has it."""
    if REFERENCE.search(value) or TECHNICAL.fullmatch(value):
        return False
    if PIN.match(name):
        return value.isdecimal()
    return _mixed(value) or (quoted and PASSWORD.match(name) is not None and value.isalpha() and not value.istitle())


def _mixed(value: str) -> bool:
    """Letters with digits or symbols, or digits alone, as a password or a PIN; no ordinary word, no call."""
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    symbols = any(c in "@#$%^&*+=~!?" for c in value)
    return (letters and (digits or symbols)) or (digits and not letters)
