"""The table on a terminal, redrawn in place: what it shows, and when and how it is drawn.

``text`` measures, ``board`` knows what is to be seen (neither does any I/O), ``screen``
takes the terminal and gives it back, ``view`` is the sink that draws. Plain ANSI: there is
no terminal left that needs curses, and Pythons that come without it.
"""
