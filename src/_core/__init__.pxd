# Parts of the kernel. src/_core.pyx puts them together; nothing here can be imported from Python.
