"""Names of tickets that are no files."""
from mmst.settings.ticket_names import names_ticket, shipped_tickets


def test_shipped_tickets_are_files_of_their_names():
    found = shipped_tickets()
    assert 'street-p90' in found
    assert all(file.is_file() and file.stem == name for name, file in found.items())


def test_a_name_is_a_shipped_one_a_hub_s_or_a_shared_folder_s(tmp_path):
    (tmp_path / 'shared').mkdir()
    assert not names_ticket(str(tmp_path / 'shared'))
    (tmp_path / 'shared' / 'ticket.safetensors').touch()
    for name in ('street-p90', 'hf:user/name', str(tmp_path / 'shared')):
        assert names_ticket(name)
    for name in ('street-p9', 'none.pth', str(tmp_path)):
        assert not names_ticket(name)


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'street-p90').touch()
    assert not names_ticket('street-p90')
