"""Who may come in: sessions of browsers, keys of programs, and the pages to sign in and out.

What answers without either is listed in ``middleware``; everything else is closed, new routes too.
"""
