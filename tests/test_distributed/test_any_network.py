"""Networks that know nothing of a search: two processes remove the same coupled channels."""
import rank_any_nets
import ranks


def test_two_processes_agree_to_the_bit_at_every_epoch_end(tmp_path):
    answers = ranks.run(2, rank_any_nets.train, tmp_path, 3)
    for first, second in zip(*answers, strict=True):
        names = {*first['digests'], *second['digests']}
        differ = {name for name in names
                  if first['digests'].get(name) != second['digests'].get(name)
                  and ('statistics' not in name[0] or first['recalibrated'])}
        assert not differ, first['step']
        assert first['events'] == second['events']
    removed = [event['removed'] for event in answers[0][-1]['events'] if event['kind'] == 'search']
    assert any(removed)


def test_processes_take_the_channels_that_the_first_has_found(tmp_path):
    (one, traced), (other, traced_too) = ranks.run(2, rank_any_nets.plans, tmp_path)
    assert one == other and len(one['groups']) == 7
    assert (traced, traced_too) == (1, 0)
