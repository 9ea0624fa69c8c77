"""Names of browsers and systems for the list of a person's sessions, from the User-Agent header."""

BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "FxiOS": "Firefox",
    "Firefox": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
"""The order matters: Edge, for example, also contains "Chrome/" and "Safari/"."""
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "Mac",
    "Linux": "Linux",
}


def describe_browser(user_agent: str) -> str:
    """Return the browser and system of a User-Agent header: `Chrome on Windows`."""
    browser = next((name for token, name in BROWSERS.items() if f"{token}/" in user_agent), "A browser")
    system = next((name for token, name in SYSTEMS.items() if token in user_agent), "")
    return f"{browser} on {system}" if system else browser
