"""Settings in normal form: named, merged, compared and counted."""

from transship.model.settings import Settings, pairs


def test_what_is_empty_is_named_and_what_is_none_is_not() -> None:
    assert Settings(args=(), env_vars=(), min_instances=0).named() == {
        "args": (),
        "env_vars": (),
        "min_instances": 0,
    }
    assert Settings().named() == {}


def test_the_nearer_settings_win() -> None:
    near, far = Settings(cpu=2000, args=()), Settings(cpu=1000, memory=512, args=("-v",))

    assert near.over(far) == Settings(cpu=2000, memory=512, args=())


def test_only_what_is_named_can_differ() -> None:
    current = Settings(cpu=1000, memory=512, concurrency=80)

    assert Settings().differences(current) == []
    assert Settings(cpu=1000).differences(current) == []
    assert Settings(cpu=2000, memory=512, port=80).differences(current) == ["cpu", "port"]


def test_what_is_asked_for_has_one_fingerprint() -> None:
    one = Settings(cpu=1000, env_vars=pairs({"B": "2", "A": "1"}))
    same = Settings(env_vars=pairs({"A": "1", "B": "2"}), cpu=1000)

    assert one.fingerprint() == same.fingerprint()
    assert len(one.fingerprint()) == 16


def test_whatever_is_asked_for_otherwise_has_another() -> None:
    asked = [
        Settings(),
        Settings(cpu=1000),
        Settings(memory=1000),
        Settings(args=()),
        Settings(args=("a",)),
        Settings(args=("a", "b")),
        Settings(command=("a", "b")),
        Settings(env_vars=pairs({"A": "1"})),
        Settings(labels=pairs({"A": "1"})),
    ]

    assert len({settings.fingerprint() for settings in asked}) == len(asked)
