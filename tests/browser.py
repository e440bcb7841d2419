"""A headless Chromium for tests of pages; tests skip where there is none.

``with Browser(width) as browser`` opens one of that width. It comes from the system's packages
(Debian: ``apt-get install chromium chromium-driver``) and is driven by selenium.
"""
import json
import shutil
from pathlib import Path

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
HEIGHT = 900
_WIDER = '''
return [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, pre'))
  .map(e => e.tagName + ' ' + e.textContent.slice(0, 60))'''


def needs_browser():
    """Skip the test, saying why, where no browser can be started."""
    pytest.importorskip('selenium', reason='selenium is not installed: pip install selenium')
    for names, what in ((NAMES, 'chromium'), (('chromedriver', ), 'chromedriver')):
        if not any(map(shutil.which, names)):
            pytest.skip(f'no {what} on this machine: apt-get install chromium chromium-driver')


class Browser:
    """One window.

    Args:
        width (int): Of the window in CSS pixels.
    """

    def __init__(self, width):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, NAMES)))
        # A container has no user namespaces to build the sandbox from, and little shared memory.
        for argument in ('headless=new', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage'):
            options.add_argument(f'--{argument}')
        options.set_capability('goog:loggingPrefs', dict(browser='ALL', performance='ALL'))
        self.driver = webdriver.Chrome(options, Service(shutil.which('chromedriver')))
        self.resize(width)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def resize(self, width):
        """Windows cannot be as narrow as phones; their content can."""
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(
            width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False))

    def open(self, path):
        """Open a file and forget what was logged before."""
        self.driver.get_log('browser'), self.driver.get_log('performance')
        self.driver.get(Path(path).resolve().as_uri())

    def run(self, script, *arguments):
        """Return the result of a script."""
        return self.driver.execute_script(script, *arguments)

    def console(self):
        """All that was written to the console since the last call."""
        return [entry['message'] for entry in self.driver.get_log('browser')]

    def requests(self):
        """Addresses asked for since the last call, less the page itself and its inline data."""
        messages = [json.loads(e['message'])['message'] for e in self.driver.get_log('performance')]
        found = [m['params']['request']['url'] for m in messages
                 if m['method'] == 'Network.requestWillBeSent']
        return [url for url in found if not url.startswith('data:')][1:]

    def wider_than_the_window(self):
        """Elements that stick out, and the page itself where it scrolls sideways."""
        root = 'return document.documentElement.scrollWidth > innerWidth'
        return self.run(_WIDER) + (['the page'] if self.run(root) else [])
