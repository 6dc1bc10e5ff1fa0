# Record: one good record, as Python sees it; and Checked, what became of one that was given.

@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Record:
    """A good record: a mapping of field names to values, and attributes of the same names.

    A view of its batch, so it costs little; a value is made each time it is asked for. The batch's memory stays
    while any record of it does: keep ``dict(record)`` of few records among many.

    Thread safety
    -------------
    immutable

    Notes
    -----
    A field whose name is a method's, such as ``keys``, is reached as ``record["keys"]``.

    Examples
    --------
    >>> from feedmill import Field, Schema
    >>> record = Schema((Field("sku"), Field("stock", "integer"))).validate({"sku": "A-1", "stock": "3"}).record
    >>> record.stock, record["sku"], dict(record)
    (3, 'A-1', {'sku': 'A-1', 'stock': 3})
    >>> record | {"stock": 4}
    {'sku': 'A-1', 'stock': 4}
    """

    cdef Plan plan
    cdef Batch batch       # whose row it shows; None: `made` has the values
    cdef Py_ssize_t row
    cdef tuple made

    def __init__(self):
        raise TypeError("records are made by feedmill.read, Batch and Schema.validate")

    cdef object value(self, Py_ssize_t i):
        cdef view_t view
        if self.made is not None:
            return self.made[i]
        view_open(&view, &self.batch.batch.columns[i], <int> i, self.batch.batch.columns[i].storage)
        return python_value(&view, self.row)

    def __getitem__(self, name):
        return self.value(self.plan.places[name])

    def __getattr__(self, name):
        place = self.plan.places.get(name)
        if place is None:
            raise AttributeError(f"the record has no field {name!r}; its fields are {', '.join(self.plan.names)}")
        return self.value(place)

    def __iter__(self):
        return iter(self.plan.names)

    def __len__(self):
        return len(self.plan.names)

    def __contains__(self, name):
        return name in self.plan.places

    def __eq__(self, other):
        if isinstance(other, Record):
            return self.keys() == other.keys() and self.values() == other.values()
        return self.asdict() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None

    def __or__(self, other):
        return self.asdict() | other

    def __ror__(self, other):
        return other | self.asdict()

    def __dir__(self):
        return [*object.__dir__(self), *self.plan.names]

    def __repr__(self):
        return f"Record({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def keys(self):
        """Give the fields' names, in the schema's order."""
        return self.plan.names

    def values(self):
        """Make all values, in the schema's order: a tuple."""
        if self.made is not None:
            return self.made
        return tuple([self.value(i) for i in range(len(self.plan.names))])

    def items(self):
        """Make all (name, value) pairs: a list."""
        return list(zip(self.plan.names, self.values()))

    def get(self, name, default=None):
        """Give a field's value, `default` if there is no such field."""
        return self.value(self.plan.places[name]) if name in self.plan.places else default

    def asdict(self):
        """Make a dict of it."""
        return dict(zip(self.plan.names, self.values()))


cdef Record record_of(Plan plan, Batch batch, Py_ssize_t row, tuple made):
    cdef Record record = Record.__new__(Record)
    record.plan, record.batch, record.row, record.made = plan, batch, row, made
    return record


@cython.final
@cython.auto_pickle(False)
cdef class Checked:
    """What became of a record that was given to `Schema.validate`.

    Attributes
    ----------
    record : Record or None
        The record as the schema has it, transforms applied and values of their types; None if it is bad.
    rejects : tuple of Reject
        Everything that is wrong with it; empty if it is good.

    Thread safety
    -------------
    immutable
    """

    cdef readonly Record record
    cdef readonly tuple rejects

    def __init__(self):
        raise TypeError("made by Schema.validate")

    def __repr__(self):
        return f"<Checked: {self.record!r}>" if self.record is not None else f"<Checked: {self.rejects!r}>"
